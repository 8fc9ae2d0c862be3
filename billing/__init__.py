"""What is owed and by when, and who is late."""
