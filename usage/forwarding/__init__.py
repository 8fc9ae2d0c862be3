"""Accepted files are forwarded to the S3 archive."""
