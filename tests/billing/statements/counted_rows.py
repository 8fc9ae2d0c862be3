"""Selects the rows that count, with their instants, users and lines, in plain loops.

Instants are whole seconds since 1970 in UTC.
"""

import unicodedata
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import timedelta

from tests.billing.statements.months import File, Month, UsageRow

TOTALS = "totals"


@dataclass(frozen=True)
class Usage:
    """A row that counts, with its lines; it covers `start` up to before `end`."""

    server: str
    user: str
    start: int
    end: int
    flags: int
    lines: frozenset[str]
    closed_by: str
    has_assigned_day: bool


def counts(month: Month, file: File) -> bool:
    day = file.assigned_day or file.day
    is_owed = month.first_owed_on is None or day >= month.first_owed_on
    return is_owed and month.first_day <= day <= month.last_day


def counted_files(month: Month) -> list[File]:
    return [file for file in month.files if counts(month, file)]


def counted_rows_of(month: Month, file: File) -> Iterator[Usage]:
    """The agent and business rows of a file, at their instants."""
    opened_at = int(file.opened_at.timestamp())
    if file.assigned_day is not None:
        clock = file.opened_at + timedelta(minutes=file.opened_offset)
        opened_at += (file.assigned_day - clock.date()).days * 86_400
    for row in file.rows:
        lines = lines_of_row(month, row)
        if not lines:
            continue
        start, end = opened_at + row.login, opened_at + row.logout
        if row.login == row.logout == file.span and file.span > 0:
            start, end = start - 1, end - 1
        yield Usage(
            server=file.server,
            user=unicodedata.normalize("NFC", row.user).strip().casefold(),
            start=start,
            end=end,
            flags=row.flags,
            lines=lines,
            closed_by=file.closed_by,
            has_assigned_day=file.assigned_day is not None,
        )


def base(key: str) -> str:
    return key.removesuffix("_CONCURRENT")


def lines_of_row(month: Month, row: UsageRow) -> frozenset[str]:
    keys = {base(key) for key in row.licences}
    kinds = {month.kinds.get(key) for key in keys}
    add_ons = {f"add_on:{key}" for key in keys if month.kinds.get(key) == "add_on"}
    if "agent" in kinds or "add_on" in kinds:
        return frozenset({TOTALS, "agent", *add_ons})
    if "business" in kinds:
        return frozenset({TOTALS, "business"})
    return frozenset()


def lines_of(month: Month) -> list[str]:
    add_ons = sorted(key for key, kind in month.kinds.items() if kind == "add_on")
    return ["agent", "business", *(f"add_on:{key}" for key in add_ons)]


def counted_rows(month: Month) -> list[Usage]:
    return [
        usage for file in counted_files(month) for usage in counted_rows_of(month, file)
    ]


def unclassified(month: Month) -> list[str]:
    files = counted_files(month)
    seen = {base(key) for file in files for row in file.rows for key in row.licences}
    return sorted(seen - set(month.kinds))


def name_without_domain(user: str) -> str:
    return user.rsplit("\\", maxsplit=1)[-1].split("@", maxsplit=1)[0]


def doubtful(rows: Sequence[Usage]) -> dict[str, int]:
    cut = Counter(row.closed_by for row in rows if row.flags & 2)
    alike = Counter(name_without_domain(user) for user in {row.user for row in rows})
    return {
        "no_logout": cut["shutdown"] + cut["clock"],
        "cut_by_restart": cut["restart"],
        "cut_by_crash": cut["crash"],
        "alike_groups": sum(1 for users in alike.values() if users > 1),
        "assigned_day_rows": sum(1 for row in rows if row.has_assigned_day),
    }
