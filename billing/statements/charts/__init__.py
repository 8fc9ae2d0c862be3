"""Lays out the charts of statements: plain geometry, in units of the drawing.

Positions are texts with a point as decimal separator, so that no language changes them.
"""
