"""Patterns of LIKE for texts that people type."""


def contains(text: str) -> str:
    """Return the pattern of texts that contain a text, taken as it is."""
    plain = text.replace("\\", r"\\").replace("%", r"\%").replace("_", r"\_")
    return f"%{plain}%"
