"""The pages that belong to no other app: home and errors."""
