"""Onboards a new customer, from opening the tenant to the first accepted file."""
