"""Pages of the audit trail: who did what, for staff and for tenant admins."""
