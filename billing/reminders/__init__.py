"""Plans, composes and sends the reminder mails about missing usage files."""
