"""Billing periods of a tenant: facts, deadlines, summaries."""
