"""The billing desk: all tenants of one period."""
