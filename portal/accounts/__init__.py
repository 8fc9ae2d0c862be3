"""Accounts: sign-in, sessions, API tokens, and the caller of a request."""
