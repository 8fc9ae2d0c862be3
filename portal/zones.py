"""Names of time zones that people may choose."""

from functools import cache
from importlib import resources

# In the list, but no place: a machine on which nobody has set a zone.
_NO_PLACE = "Factory"


@cache
def names() -> frozenset[str]:
    """Return the names in the pinned `tzdata` package, whatever the machine has."""
    listed = resources.files("tzdata").joinpath("zones").read_text("ascii")
    return frozenset(listed.split()) - {_NO_PLACE}
