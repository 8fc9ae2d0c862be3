"""Pages of sessions and security events: of a person, of a tenant, of all."""
