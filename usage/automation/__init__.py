"""Automated sending: the sender, its runs on each server, and the S3 inbox."""
