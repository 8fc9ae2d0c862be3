"""What is owed and what is missing, from plain values: no database, no clock."""
