"""A new customer, from the contract to the first file."""
