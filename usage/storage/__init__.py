"""Stores the bytes of usage files in the store and in the S3 archive."""
