"""Computes what is owed and missing from plain values: no database, no clock."""
