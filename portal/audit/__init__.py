"""The audit trail: appending entries and checking the chain."""
