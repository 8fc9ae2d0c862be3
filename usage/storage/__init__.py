"""Stores the bytes of usage files: in the store and the S3 archive."""
