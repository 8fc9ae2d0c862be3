"""Decisions of billing staff on held files."""
