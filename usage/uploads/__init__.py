"""A file arrives and gets its verdict."""
