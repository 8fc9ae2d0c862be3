"""Creates demo tenants with real files and a history."""
