"""Builds the list of the files that a statement was computed from."""

import hashlib
from collections.abc import Iterable, Sequence
from datetime import date
from typing import Any

from billing.statements.compute.figures import canonical
from billing.statements.inputs import CountedFile


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
