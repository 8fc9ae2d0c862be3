"""Receives usage files and judges them."""
