"""The sender that servers run: a Python program in one file, or a PowerShell script."""
