"""Names of the lines of a statement."""

# Add-ons follow these, by `add_on_line`.
TOTAL, AGENT, BUSINESS = "total", "agent", "business"


def add_on_line(licence_key: str) -> str:
    return f"add_on:{licence_key}"
