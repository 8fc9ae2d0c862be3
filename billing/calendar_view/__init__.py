"""Presents the server-day calendar on pages: table and texts."""
