"""People: invitations, members, billing staff, and each person's own data."""
