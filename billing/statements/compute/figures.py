"""Writes the usage of a period as the figures of a statement, in plain values."""

import hashlib
import json
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, date, datetime
from typing import Any

from billing.statements.compute.catalogue import Catalogue, Kind
from billing.statements.compute.days import DayUsage, LineDay
from billing.statements.compute.lines import AGENT, BUSINESS, TOTAL, add_on_line
from billing.statements.compute.local_days import LocalDay
from billing.statements.compute.months import LinePeriod, PeriodUsage

# The version of the rules in docs/statements.md.
RULES = 1

# The parts of a statement that its `figures_sha256` covers.
HASHED = (
    *("rules", "catalogue", "completeness", "files"),
    *("totals", "lines", "days", "outside", "doubtful"),
)

_UNIT = "users"

Figures = dict[str, Any]


def line_names(catalogue: Catalogue) -> list[str]:
    """Return the lines of a statement besides the totals, in their order."""
    return [AGENT, BUSINESS, *map(add_on_line, catalogue.add_ons)]


def figures_of(
    usage: PeriodUsage,
    days: Sequence[DayUsage],
    period: Sequence[LocalDay],
    catalogue: Catalogue,
    *,
    outside: Sequence[LocalDay] = (),
    coverage: Mapping[date, tuple[int, int]] | None = None,
) -> Figures:
    """Return `totals`, `lines`, `days`, `outside` and `doubtful` of a statement.

    `days` are those of `usage`; `period` has all days of the period, and `outside` at
    least those of `days` that are not in it. `coverage` has the server-days owed and
    covered of each day of the period.
    """
    lines = line_names(catalogue)
    by_day = {one.day: one for one in days}
    covered = coverage or {}
    return {
        "totals": _totals(usage),
        "lines": [_line(name, usage.lines[name]) for name in lines],
        "days": [
            _day(by_day.get(one.day), one, lines, covered.get(one.day, (0, 0)))
            for one in period
        ],
        "outside": [
            {
                "side": "before" if one.day < period[0].day else "after",
                **_day(by_day[one.day], one, lines, (0, 0)),
            }
            for one in sorted(outside, key=lambda one: one.day)
            if one.day in by_day and by_day[one.day].is_touched
        ],
        "doubtful": usage.doubtful,
    }


def catalogue_part(catalogue: Catalogue, licence_keys: Iterable[str]) -> Figures:
    """Return the part `catalogue` of a statement whose rows hold some keys."""
    return {
        "version": catalogue.version,
        "entries": [
            {"licence_key": key, "kind": str(kind)}
            for key, kind in sorted(catalogue.kinds.items())
        ],
        "unclassified": catalogue.unclassified(licence_keys),
    }


def canonical(value: Any) -> bytes:
    """Return plain values as canonical JSON (RFC 8785).

    For strings, whole numbers, truth values and null, with keys in ASCII, Python's
    encoder writes that form.
    """
    text = json.dumps(
        value,
        sort_keys=True,
        separators=(",", ":"),
        ensure_ascii=False,
        allow_nan=False,
    )
    return text.encode()


def figures_sha256(statement: Mapping[str, Any]) -> str:
    """Hash the figures of a statement: no clock, no version, no order of arrival."""
    own = {name: statement[name] for name in HASHED}
    return hashlib.sha256(canonical(own)).hexdigest()


def instant(second: int | None) -> str | None:
    """Write UTC seconds as in 2026-05-14T08:42:00Z."""
    if second is None:
        return None
    return datetime.fromtimestamp(second, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def kind_of_line(name: str) -> tuple[Kind, str | None]:
    """Return the kind of a line, and its licence key if it is an add-on's."""
    if name in (AGENT, BUSINESS):
        return Kind(name), None
    return Kind.ADD_ON, name.removeprefix(add_on_line(""))


def _totals(usage: PeriodUsage) -> Figures:
    total = usage.total
    return {
        "named_users": total.named_users,
        "logins": total.logins,
        "rows": usage.rows,
        "used_seconds": total.used_seconds,
        "row_seconds": total.row_seconds,
        "peak": total.peak.level,
        "peak_at": instant(total.peak.at),
        "peak_seconds": total.peak.seconds,
        "peak_runs": total.peak.runs,
    }


def _line(name: str, line: LinePeriod) -> Figures:
    kind, licence_key = kind_of_line(name)
    return {
        "id": name,
        "kind": str(kind),
        "licence_key": licence_key,
        "unit": _UNIT,
        "named_users": line.named_users,
        "peak": line.peak.level,
        "peak_at": instant(line.peak.at),
        "peak_runs": line.peak.runs,
        "peak_seconds": line.peak.seconds,
        "held_30min": line.held.level,
        "held_30min_from": instant(line.held.at),
        "logins": line.logins,
        "used_seconds": line.used_seconds,
        "row_seconds": line.row_seconds,
    }


def _day(
    usage: DayUsage | None,
    day: LocalDay,
    lines: Sequence[str],
    covered: tuple[int, int],
) -> Figures:
    own = {name: usage.line(name) if usage else LineDay() for name in (TOTAL, *lines)}
    return {
        "day": day.day.isoformat(),
        "starts_at": instant(day.starts_at),
        "ends_at": instant(day.ends_at),
        "owed": covered[0],
        "covered": covered[1],
        "lines": [_line_of_day(name, own[name]) for name in lines],
        "hours": [
            {
                "starts_at": instant(at),
                "lines": [_line_of_hour(name, own[name], place) for name in lines],
            }
            for place, at in enumerate(day.hours)
        ],
    }


def _line_of_day(name: str, line: LineDay) -> Figures:
    return {
        "id": name,
        "peak": line.peak.level,
        "peak_at": instant(line.peak.at),
        "named_users": line.named_users,
        "logins": line.logins,
        "used_seconds": line.used_seconds,
        "row_seconds": line.row_seconds,
    }


def _line_of_hour(name: str, line: LineDay, place: int) -> Figures:
    peak, users = line.hours[place] if line.hours else (0, 0)
    return {"id": name, "peak": peak, "users": users}
