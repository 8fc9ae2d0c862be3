"""What happens around every request: authentication, permissions, headers."""
