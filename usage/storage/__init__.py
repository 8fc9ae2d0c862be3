"""Where the bytes of usage files are stored: the local folder and the S3 archive."""
