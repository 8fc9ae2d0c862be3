"""Customers' usage files, servers and keys: receives, judges and forwards them."""
