"""Sends usage files to the portal from a server; standard library only."""

# The version of the sender, both of the Python program and the PowerShell script.
VERSION = "1.0"
