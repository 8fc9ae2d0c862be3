"""The pages of the billing staff about one tenant, and what waits for a decision."""
