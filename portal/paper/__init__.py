"""Typesets PDF documents: templates, fonts, and letters that no font has."""
