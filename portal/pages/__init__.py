"""Pages of the portal app: home, the error pages and the staff navigation."""
