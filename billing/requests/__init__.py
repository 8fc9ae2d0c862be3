"""Customers' requests that staff decide: excuses and licence changes."""
