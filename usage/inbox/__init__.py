"""Files that servers put into the S3 inbox."""
