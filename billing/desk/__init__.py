"""The billing desk: lists all tenants of a period, with filters and bulk actions."""
