"""Automated sending: runs of the sender on each server, and the S3 inbox."""
