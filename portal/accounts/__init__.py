"""People and scripts sign in: accounts, sessions, tokens, and who the caller is."""
