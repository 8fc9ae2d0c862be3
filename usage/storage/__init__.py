"""Stores the bytes of usage files: in the local folder and the S3 archive."""
