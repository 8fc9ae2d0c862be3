"""Publishes a tenant's deadlines as an iCalendar feed."""
