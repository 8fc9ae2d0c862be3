"""The server-day calendar as pages show it."""
