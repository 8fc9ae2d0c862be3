"""Forwards accepted files to the S3 archive."""
