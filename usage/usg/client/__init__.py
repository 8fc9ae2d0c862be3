"""Sends usage files to the portal from a server; standard library only."""

# Of the sender: the Python program and the PowerShell script have the same version.
VERSION = "1.0"
