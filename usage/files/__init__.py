"""Queries, texts, schemas and pages of usage files."""
