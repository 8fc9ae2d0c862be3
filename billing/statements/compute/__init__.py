"""Computes the figures of a statement from rows: plain Python with NumPy.

No framework, no clock, no network. docs/statements.md has the rules in words.
"""
