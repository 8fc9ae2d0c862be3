"""The audit trail: writing it and checking it."""
