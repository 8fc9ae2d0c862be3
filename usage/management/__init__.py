"""Commands about files, servers and S3."""
