"""Security events: what happened to accounts, factors, sessions and tokens."""
