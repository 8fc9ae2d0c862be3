"""Builds the list of the files that a statement was computed from, and reads it."""

import hashlib
import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any

from django.utils.translation import gettext

from billing.statements.compute.figures import canonical
from billing.statements.inputs import CountedFile, PeriodInputs
from portal.errors import Refused
from portal.templatetags.shown import day as day_text


@dataclass(frozen=True, slots=True)
class NamedFile:
    """A file by its id and name; `server` is empty where it is not known."""

    id: str
    name: str
    server: str


def manifest(files: Iterable[CountedFile]) -> dict[str, Any]:
    """Return the list of files, sorted by server, series and number."""
    return {"files": sorted(map(_entry, files), key=_sort_key)}


def files_part(
    listed: dict[str, Any], *, unreadable: Sequence[CountedFile]
) -> dict[str, Any]:
    """Return the part `files` of a statement; `unreadable` files are not listed."""
    return {
        "count": len(listed["files"]),
        "bytes": sum(one["size"] for one in listed["files"]),
        "manifest_sha256": hashlib.sha256(canonical(listed)).hexdigest(),
        "unreadable": sorted(one.sha256 for one in unreadable),
    }


def causing_sha256s(differences: Iterable[Mapping[str, Any]]) -> set[str]:
    """Return the SHA-256 of the files that caused differences."""
    causes = (cause for one in differences for cause in one["because"])
    files = (cause.partition(":") for cause in causes)
    return {rest for kind, _, rest in files if kind == "file"}


def numbered_names(listed: bytes) -> dict[str, NamedFile]:
    """Return the files of a statement's list by SHA-256, named by number and day."""
    found = {}
    for one in json.loads(listed)["files"]:
        day = one["assigned_day"] or one["day"]
        text = gettext("file %(number)s of %(day)s")
        if day is None:
            text = gettext("file %(number)s")
        shown = {
            "number": one["sequence"],
            "day": day_text(date.fromisoformat(day)) if day else "",
        }
        found[one["sha256"]] = NamedFile("", text % shown, one["server"])
    return found


def listed_files(loaded: PeriodInputs, listed: bytes) -> list[CountedFile]:
    """Return the files of a statement's list, which is given as JSON, in its order.

    Raises:
        Refused: one of them no longer counts, or counts for another day; its rows would
            not give the figures.

    """
    by_sha256 = {one.sha256: one for one in loaded.files}
    found = []
    for entry in json.loads(listed)["files"]:
        one = by_sha256.get(entry["sha256"])
        if one is None or not _counts_as_listed(one, entry):
            raise Refused("evidence-gone")
        found.append(one)
    return found


def _counts_as_listed(one: CountedFile, entry: Mapping[str, Any]) -> bool:
    days = _day(one.file.day), _day(one.file.assigned_day)
    return days == (entry["day"], entry["assigned_day"])


def _entry(one: CountedFile) -> dict[str, Any]:
    file = one.file
    return {
        "server": file.server.name if file.server else "",
        "series": str(file.series),
        "sequence": file.sequence,
        "day": _day(file.day),
        "assigned_day": _day(file.assigned_day),
        "sha256": one.sha256,
        "size": file.size,
    }


def _sort_key(entry: dict[str, Any]) -> tuple[str, str, int, str]:
    return entry["server"], entry["series"], entry["sequence"], entry["sha256"]


def _day(day: date | None) -> str | None:
    return day.isoformat() if day else None
