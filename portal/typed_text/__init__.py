"""Text that people type: cleaned before it is stored, and kept in its place."""
