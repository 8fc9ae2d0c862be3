"""Extracts the figures of the whole period from a statement, for lists and comparisons.

A document has hundreds of kilobytes, mostly hourly figures; the overview has a few, and
is stored in a column of its own.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from billing.coverage.periods import Period


@dataclass(frozen=True, slots=True)
class PeriodFigures:
    """The overview of the last issued version of a period, or of its current statement.

    `version` is None if none has been issued.
    """

    period: Period
    version: int | None
    overview: Mapping[str, Any]


def overview_of(figures: Mapping[str, Any], files: Mapping[str, Any]) -> dict[str, Any]:
    """Return the overview of a statement's figures, or of its whole document.

    `files` is the list of the files that it was computed from. Counts of server-days
    are those of `completeness`; `servers` are the names of those with a counted file.
    """
    complete = figures["completeness"]
    return {
        "totals": figures["totals"],
        "lines": figures["lines"],
        "completeness": {
            name: count for name, count in complete.items() if name != "days"
        },
        "catalogue": figures["catalogue"]["version"],
        "files": figures["files"]["count"],
        "servers": sorted({one["server"] for one in files["files"]}),
    }
