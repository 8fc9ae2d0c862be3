"""Cleans text that people type, and isolates names in the text around them."""
