"""The number of tenants with each standing in a period, kept by the database."""
