"""Held files that billing staff decide."""
