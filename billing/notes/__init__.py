"""Notes of the billing staff about a tenant, which the tenant never sees."""
