"""Compares the figures of two versions of a statement, and names the causes.

Every change of the hash of the figures gives a difference, except a version of the
catalogue or of the rules that changes no figure.
"""

from collections.abc import Iterable, Iterator, Sequence
from typing import Any

from billing.statements.compute.causes import Causes, FileEntry, causes_between
from billing.statements.compute.figures import Figures

_LINE = (
    *("named_users", "peak", "peak_at", "peak_runs", "peak_seconds"),
    *("held_30min", "held_30min_from", "logins", "used_seconds", "row_seconds"),
)
_DAY = ("named_users", "peak", "peak_at", "logins", "used_seconds", "row_seconds")
_HOUR = ("users", "peak")
_TOTALS = (
    *("named_users", "logins", "rows", "used_seconds", "row_seconds"),
    *("peak", "peak_at", "peak_seconds", "peak_runs"),
)
_COMPLETENESS = (
    *("owed", "received", "silent", "down", "lost", "missing", "with_us", "pending"),
    "last_received_day",
)
_DOUBTFUL = (
    *("no_logout", "cut_by_restart", "cut_by_crash"),
    *("alike_groups", "assigned_day_rows"),
)
_FILES = ("count", "bytes")
_OWED = ("owed", "covered", "starts_at", "ends_at")

# The keys of a difference.
DIFFERENCE = ("line", "field", "day", "hour", "before", "after", "because")

Difference = dict[str, Any]


def differences_between(
    before: Figures,
    after: Figures,
    *,
    files_before: Sequence[FileEntry],
    files_after: Sequence[FileEntry],
) -> list[Difference]:
    """Return each figure that differs, with both values and its causes.

    A line that one of the two does not have counts as zeros.
    """
    causes = causes_between(
        before, after, files_before=files_before, files_after=files_after
    )
    return [
        *_parts(before, after, causes),
        *_server_days(before, after, causes),
        *_listed_files(causes, files_before, files_after),
        *_lines(before, after, _LINE, causes, day=None),
        *_days(before, after, causes),
    ]


def _parts(before: Figures, after: Figures, causes: Causes) -> Iterator[Difference]:
    for part, fields, because in (
        ("totals", _TOTALS, causes.of_figures(None)),
        ("doubtful", _DOUBTFUL, causes.of_figures(None)),
        ("files", _FILES, causes.of_files()),
        ("completeness", _COMPLETENESS, causes.of_calendar()),
    ):
        yield from _fields(
            part, before[part], after[part], fields, because=because, day=None
        )
    old, new = (len(one["files"].get("unreadable", ())) for one in (before, after))
    if old != new:
        because = causes.of_files()
        yield _difference("files", "unreadable", (old, new), because=because)


def _server_days(
    before: Figures, after: Figures, causes: Causes
) -> Iterator[Difference]:
    """Compare states of listed server-days, and the owed and covered of each day."""
    old, new = _listed_states(before), _listed_states(after)
    for server, day in sorted({*old, *new}):
        states = old.get((server, day)), new.get((server, day))
        if states[0] != states[1]:
            field = f"server:{server}"
            because = causes.of_calendar(day=day, server=server)
            yield _difference("completeness", field, states, because=because, day=day)
    owed = {one["day"]: one for one in before["days"]}
    for one in after["days"]:
        was, day = owed.get(one["day"], {}), one["day"]
        because = causes.of_calendar(day=day)
        yield from _fields("completeness", was, one, _OWED, because=because, day=day)


def _listed_states(of: Figures) -> dict[tuple[str, str], str]:
    """Return state and reason of each listed server-day, by server and day."""
    return {
        (one["server"], one["day"]): ": ".join(
            filter(None, (one["state"], one["reason"]))
        )
        for one in of["completeness"]["days"]
    }


def _listed_files(
    causes: Causes, before: Iterable[FileEntry], after: Iterable[FileEntry]
) -> Iterator[Difference]:
    """Yield each file that only one version counts, or that counts for another day."""
    old, new = ({one["sha256"]: one for one in of} for of in (before, after))
    for file in causes.files:
        values = _place(old.get(file.sha256)), _place(new.get(file.sha256))
        day = file.days[-1].isoformat()
        because = [f"file:{file.sha256}"]
        yield _difference("files", "file", values, because=because, day=day)


def _place(entry: FileEntry | None) -> str | None:
    """Name a listed file by its server, number and day, as people know it."""
    if entry is None:
        return None
    return f"{entry['server']}, {entry['sequence']}, {entry['day']}"


def _lines(
    before: Figures,
    after: Figures,
    fields: Iterable[str],
    causes: Causes,
    *,
    day: str | None,
) -> Iterator[Difference]:
    old, new = _by_id(before), _by_id(after)
    because = causes.of_figures(day)
    for line in [*new, *(one for one in old if one not in new)]:
        yield from _fields(
            line, old.get(line, {}), new.get(line, {}), fields, because=because, day=day
        )


def _days(before: Figures, after: Figures, causes: Causes) -> Iterator[Difference]:
    old, new = _by_day(before), _by_day(after)
    for day in sorted({*old, *new}):
        one, other = old.get(day, _EMPTY), new.get(day, _EMPTY)
        found = list(_lines(one, other, _DAY, causes, day=day))
        yield from found
        listed = {difference["line"] for difference in found}
        # Hours of a line are listed only where its day does not differ.
        for at, old_hour, new_hour in _hours(one, other):
            for difference in _lines(old_hour, new_hour, _HOUR, causes, day=day):
                if difference["line"] not in listed:
                    yield difference | {"hour": at}


_EMPTY: Figures = {"lines": [], "hours": []}


def _hours(before: Figures, after: Figures) -> Iterator[tuple[str, Figures, Figures]]:
    old = {one["starts_at"]: one for one in before["hours"]}
    new = {one["starts_at"]: one for one in after["hours"]}
    for at in sorted({*old, *new}):
        yield at, old.get(at, _EMPTY), new.get(at, _EMPTY)


def _by_id(of: Figures) -> dict[str, Figures]:
    return {line["id"]: line for line in of["lines"]}


def _by_day(of: Figures) -> dict[str, Figures]:
    return {one["day"]: one for one in (*of["days"], *of["outside"])}


def _fields(
    line: str,
    before: Figures,
    after: Figures,
    fields: Iterable[str],
    *,
    because: list[str],
    day: str | None,
) -> Iterator[Difference]:
    for name in fields:
        old, new = before.get(name), after.get(name)
        if (old or None) != (new or None):
            yield _difference(line, name, (old, new), because=because, day=day)


def _difference(
    line: str,
    field: str,
    values: tuple[Any, Any],
    *,
    because: list[str],
    day: str | None = None,
) -> Difference:
    return {
        "line": line,
        "field": field,
        "day": day,
        "hour": None,
        "before": values[0],
        "after": values[1],
        "because": because,
    }
