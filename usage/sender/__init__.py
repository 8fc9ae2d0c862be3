"""The sender that servers run, packed into one file to download."""
