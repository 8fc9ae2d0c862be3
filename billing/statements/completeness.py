"""Counts how complete the files of a period are, for its statement."""

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

from billing.coverage.calendar import Calendar
from billing.coverage.calendar import calendar as compute_calendar
from billing.coverage.cells import COVERED, Cell, CellState
from billing.coverage.chain import CellReasonCode
from billing.coverage.periods import Period, day_ends_at, ends_at, zone_named
from billing.models import Excuse, TenantPeriod
from billing.periods import load_facts
from portal.approvals import Decision
from portal.models import Tenant

# The names of states of server-days in statements.
_NAMES: Mapping[CellState, str] = {
    CellState.RECEIVED: "received",
    CellState.SILENT: "silent",
    CellState.PARTIAL: "partial",
    CellState.MISSING: "missing",
    CellState.WITH_US: "with_us",
    CellState.PENDING: "pending",
}
_DOWN, _LOST = "down", "lost"
# Server-days in these states are counted and not listed one by one.
_NOT_LISTED = frozenset({"received", "silent", "pending"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Completeness:
    """The completeness of a period at an instant; `part` is that of a statement.

    `by_day` has the server-days owed and covered. `lacking` counts the server-days that
    keep the period from being complete; it is 1 if no server owes a day though the
    licence requires one. `fresh_until` is the next end of a pending day or of the
    period; None after all of them.
    """

    part: dict[str, Any]
    by_day: Mapping[date, tuple[int, int]]
    lacking: int
    pending: int
    is_over: bool
    fresh_until: datetime | None


def load(period: Period, *, last_day: date | None, at: datetime) -> Completeness:
    """Load the calendar of the tenant that the unit of work is for.

    `last_day` is the last day of the period with an accepted file; None without one.
    """
    opened = TenantPeriod.objects.get(period=str(period))
    deadline_at = opened.effective_at
    # Files without a verdict are not in it: their headers are not verified, and
    # statements are marked by verdicts.
    loaded = load_facts.load_facts(
        Tenant.objects.get(), deadlines=[deadline_at], with_unjudged=False
    )
    facts = loaded.facts(period, deadline_at=deadline_at, zone=opened.zone)
    calendar = compute_calendar(period, facts, at=at, deadline_at=deadline_at)
    named = {key: _name(cell) for key, cell in calendar.cells.items()}
    counts = Counter(named.values())
    missing = counts["missing"] + counts["partial"]
    part = {
        "owed": calendar.owed,
        **{name: counts[name] for name in ("received", "silent", _DOWN, _LOST)},
        "missing": missing,
        **{name: counts[name] for name in ("with_us", "pending")},
        "days": list(_listed(calendar, named)),
        "last_received_day": last_day.isoformat() if last_day else None,
    }
    return Completeness(
        part=part,
        by_day=_by_day(calendar),
        lacking=missing + counts["with_us"] + calendar.lacks_servers,
        pending=counts["pending"],
        is_over=at >= ends_at(period, zone_named(opened.zone)),
        fresh_until=_fresh_until(calendar, zone=opened.zone, at=at),
    )


def _name(cell: Cell) -> str:
    if cell.state is CellState.EXCUSED:
        return _LOST if cell.why.code is CellReasonCode.LOST else _DOWN
    return _NAMES[cell.state]


def _listed(
    calendar: Calendar, named: Mapping[tuple[str, date], str]
) -> Iterable[dict[str, Any]]:
    excused = any(name in (_DOWN, _LOST) for name in named.values())
    excuses = _excuses() if excused else []
    for (server, day), name in named.items():
        if name not in _NOT_LISTED:
            cell = calendar.cells[server, day]
            yield {
                "server": server,
                "day": day.isoformat(),
                "state": name,
                "reason": _reason(excuses, cell, server, day) if excuses else "",
            }


def _excuses() -> list[Excuse]:
    found = Excuse.objects.filter(decision=Decision.APPROVED).select_related("server")
    return list(found.order_by("decided_at", "pk"))


def _reason(excuses: Iterable[Excuse], cell: Cell, server: str, day: date) -> str:
    """Return the reason of the last excuse that names a server-day."""
    if cell.state is not CellState.EXCUSED:
        return ""
    by_day = [one for one in excuses if one.server.name == server and day in one.days]
    by_number = [
        one
        for one in excuses
        if one.series is not None and one.series == cell.why.series
    ]
    found = by_day or by_number
    return found[-1].reason if found else ""


def _by_day(calendar: Calendar) -> dict[date, tuple[int, int]]:
    owed = Counter(day for _, day in calendar.cells)
    covered = Counter(
        day for (_, day), cell in calendar.cells.items() if cell.state in COVERED
    )
    return {day: (count, covered[day]) for day, count in owed.items()}


def _fresh_until(calendar: Calendar, *, zone: str, at: datetime) -> datetime | None:
    ends = {
        day_ends_at(day, zone_named(calendar.zones[server]))
        for (server, day), cell in calendar.cells.items()
        if cell.state is CellState.PENDING
    }
    ends.add(ends_at(calendar.period, zone_named(zone)))
    return min((one for one in ends if one > at), default=None)
