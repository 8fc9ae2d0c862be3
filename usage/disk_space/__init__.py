"""Required disk space: what usage files need on each server, measured and forecast."""
