"""Demo tenants with real files and a history."""
