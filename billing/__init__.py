"""Computes owed server-days, deadlines and lateness, and mails reminders."""
