"""Processing of every request: authentication, permissions, errors, headers."""
