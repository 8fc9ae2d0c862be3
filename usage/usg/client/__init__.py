"""Sends usage files to the portal from a server; standard library only."""
