"""Management commands about tenants."""
