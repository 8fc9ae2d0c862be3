"""Receipts and lists of files for download: CSV, PDF and checksums."""
