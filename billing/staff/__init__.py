"""Staff pages: one tenant, late flags, mails, and files and requests to decide."""
