"""The management commands of the portal app."""
