"""Presents the differences of a version from the one before, and their causes."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any
from zoneinfo import ZoneInfo

from django.utils.translation import gettext

from billing.statements import difference_text, text
from billing.statements.compute.lines import AGENT, BUSINESS
from billing.statements.manifest import NamedFile, causing_sha256s

Document = Mapping[str, Any]

# Differences on a page; the JSON has all of them.
MOST_DIFFERENCES = 300

# Files that are named as the cause of a difference; the others are counted.
_MOST_FILES_IN_ROW = 3

# The differences that are shown first; the others are collapsed.
_MAIN_LINES = (AGENT, BUSINESS)
_MAIN_FIELDS = ("named_users", "peak", "logins", "used_seconds")

# Files named above the differences; the others are counted.
_MOST_NAMED_FILES = 5

# Characters of a SHA-256 that stand for a file without a known name.
HASH_CHARACTERS = 12


@dataclass(frozen=True, slots=True, kw_only=True)
class ShownCauses:
    """Causes of differences: files, the number of further ones, and others."""

    files: Sequence[NamedFile]
    more_files: int
    others: Sequence[str]


@dataclass(frozen=True, slots=True, kw_only=True)
class ShownDifference:
    """A figure before and after, and why; `is_main` are those that are shown first.

    `reached_on` is the day on which the peak of a period was first reached, by
    the later figures; None for other figures.
    """

    figure: str
    is_main: bool
    day: date | None
    hour: datetime | None
    before: str | datetime
    after: str | datetime
    reached_on: date | None
    causes: ShownCauses


def named_sha256s(document: Document) -> set[str]:
    """Return the SHA-256 of the files that a page of a document names."""
    found = causing_sha256s(document["differences"])
    return found | set(document["files"]["unreadable"])


def shown_differences(
    document: Document, files: Mapping[str, NamedFile]
) -> Iterator[ShownDifference]:
    """Yield up to `MOST_DIFFERENCES`, those of the whole period first.

    Of the document, `differences`, `lines` and the zone of `period` are enough.
    """
    by_day = sorted(document["differences"], key=lambda one: one["day"] is not None)
    reached = _days_of_peaks(document)
    for one in by_day[:MOST_DIFFERENCES]:
        yield _shown(one, files, reached)


def main_differences(document: Document) -> list[ShownDifference]:
    """Return the main differences, by figure and line; their files have no names."""
    found = [one for one in document["differences"] if _is_main(one)]
    found.sort(key=lambda one: _MAIN_FIELDS.index(one["field"]))
    reached = _days_of_peaks(document)
    return [_shown(one, {}, reached) for one in found]


def _shown(
    one: Document, files: Mapping[str, NamedFile], reached: Mapping[str, date]
) -> ShownDifference:
    line, field = one["line"], one["field"]
    is_peak = field == "peak" and not one["day"]
    before, after = difference_text.value_texts(field, one["before"], one["after"])
    return ShownDifference(
        figure=text.field_text(line, field),
        is_main=_is_main(one),
        day=date.fromisoformat(one["day"]) if one["day"] else None,
        hour=datetime.fromisoformat(one["hour"]) if one["hour"] else None,
        before=before,
        after=after,
        reached_on=reached.get(line) if is_peak else None,
        causes=_causes(one["because"], files, most=_MOST_FILES_IN_ROW),
    )


def _is_main(one: Document) -> bool:
    is_of_period = one["day"] is None
    return is_of_period and one["line"] in _MAIN_LINES and one["field"] in _MAIN_FIELDS


def unchanged_text(document: Document) -> str:
    """Return that named users and peaks of the period are the same; empty if not."""
    found = {one["field"] for one in document["differences"] if _is_main(one)}
    if found & {"named_users", "peak"}:
        return ""
    return gettext(
        "Named users and peaks of Agents and Business Users have not changed for the"
        " period."
    )


def all_causes(document: Document, files: Mapping[str, NamedFile]) -> ShownCauses:
    """Return what caused the differences of a document, each cause once."""
    causes = (cause for one in document["differences"] for cause in one["because"])
    return _causes(list(dict.fromkeys(causes)), files, most=_MOST_NAMED_FILES)


def _days_of_peaks(document: Document) -> dict[str, date]:
    """Return the local days on which the peaks of lines were first reached."""
    zone = ZoneInfo(document["period"]["zone"])
    return {
        line["id"]: datetime.fromisoformat(line["peak_at"]).astimezone(zone).date()
        for line in document["lines"]
        if line["peak_at"]
    }


def _causes(
    because: Sequence[str], files: Mapping[str, NamedFile], *, most: int
) -> ShownCauses:
    hashes = [one.partition(":")[2] for one in because if one.startswith("file:")]
    others = [
        difference_text.cause_text(one)
        for one in because
        if not one.startswith("file:")
    ]
    return ShownCauses(
        files=[
            files.get(sha256) or NamedFile("", sha256[:HASH_CHARACTERS], "")
            for sha256 in hashes[:most]
        ],
        more_files=max(0, len(hashes) - most),
        others=others,
    )
