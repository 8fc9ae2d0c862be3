"""The sender that servers run, as a file to download."""
