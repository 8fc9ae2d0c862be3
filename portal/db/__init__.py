"""Units of work in the database, and row security."""
