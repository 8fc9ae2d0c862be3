"""Access check: can a server reach the S3 location of the automated upload."""
