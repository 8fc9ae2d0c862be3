"""Compares reported versions of the sender with the version to download.

A sender reports its name and version, such as `usage-sender 1.0 PowerShell 5.1`. Other
scripts may report any text, or none.
"""

import re

from usage.usg.client import VERSION

# The version of the senders that can be downloaded from this portal.
NEWEST = VERSION

_REPORTED = re.compile(r"usage-sender\S* v?(\d{1,4}(?:\.\d{1,4}){0,3})\b")


def is_older(reported: str) -> bool:
    """Return whether this is our sender in a version older than the newest."""
    found = _REPORTED.match(reported)
    return found is not None and _parts(found[1]) < _parts(NEWEST)


def _parts(version: str) -> tuple[int, ...]:
    """Return the numbers of a version without trailing zeros: 1.0 is 1."""
    parts = [int(one) for one in version.split(".")]
    while parts and not parts[-1]:
        parts.pop()
    return tuple(parts)
