"""What customers bring: usage files, servers, keys."""
