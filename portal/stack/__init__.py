"""The machinery of `make run` and of the tests' engines: plain Python, no Django."""
