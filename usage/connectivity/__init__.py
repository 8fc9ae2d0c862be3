"""Access check: whether servers can reach the S3 location of the automated upload."""
