"""Lays out the charts of statements: plain geometry, in units of the drawing.

Positions are strings with a decimal point, so that localisation does not change them.
"""
