"""Nightly checks and repairs, retention, invariants and metrics of files."""
