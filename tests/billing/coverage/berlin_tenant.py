"""Builds the facts of a tenant in Berlin in May 2026, for examples."""

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from typing import Any
from uuid import UUID

from billing.coverage.calendar import (
    Calendar,
    CellState,
    ExcuseFact,
    ExcuseKind,
    FileFact,
    Mode,
    ServerFact,
    TenantFacts,
    calendar,
)
from billing.coverage.periods import Period
from tests.billing.coverage.random_histories import (
    DAY,
    HistoryWriter,
    daily,
    day_begins_at,
)

BERLIN = "Europe/Berlin"
MAY = Period(2026, 5)
AFTER = datetime(2026, 6, 4, tzinfo=UTC)
FIRST, LAST = date(2026, 4, 28), date(2026, 5, 27)
SERIES = UUID(int=1)
HOUR = timedelta(hours=1)


def may(day: int) -> date:
    return date(2026, 5, day)


def noon(day: date, hour: int = 12) -> datetime:
    return day_begins_at(day, BERLIN) + hour * HOUR


def manual(day: date) -> Mode:
    return Mode.MANUAL


def none(day: date) -> Mode:
    return Mode.NONE


def automated(day: date) -> Mode:
    return Mode.AUTOMATED


def server(
    name: str = "IC01",
    *,
    first: date | None = None,
    retired: date | None = None,
    zone: str = BERLIN,
) -> ServerFact:
    return ServerFact(name=name, first_owed_on=first, retired_on=retired, zone=zone)


def owed(files: list[FileFact], *, at: datetime = AFTER, **changes: Any) -> Calendar:
    facts = TenantFacts(
        zone=BERLIN,
        first_on=None,
        collects=manual,
        servers=(server(),),
        files=tuple(files),
    )
    return calendar(MAY, replace(facts, **changes), at=at)


def states(found: Calendar, name: str = "IC01") -> dict[date, CellState]:
    return {day: c.state for (own, day), c in found.cells.items() if own == name}


def days_in(found: Calendar, state: CellState, name: str = "IC01") -> list[int]:
    """Days of the month in that state."""
    return [day.day for day, own in states(found, name).items() if own is state]


def month(**kwargs: Any) -> list[FileFact]:
    """All of the period with a week around it; number 8 is 28 April."""
    return daily(first=FIRST - 7 * DAY, last=LAST + 7 * DAY, **kwargs)


def without(files: list[FileFact], *numbers: int) -> list[FileFact]:
    return [fact for fact in files if fact.sequence not in numbers]


def excuse(kind: ExcuseKind, *, approved: bool = True, **changes: Any) -> ExcuseFact:
    asked = datetime(2026, 6, 1, tzinfo=UTC)
    fact = ExcuseFact(
        server="IC01",
        kind=kind,
        asked_at=asked,
        approved_at=asked if approved else None,
    )
    return replace(fact, **changes)


def two_series(*, linked: bool) -> list[FileFact]:
    """Shut down on the 5th at noon, installed anew on the 8th at noon."""
    writer = HistoryWriter("IC01", BERLIN, SERIES)
    old = list(writer.run(day_begins_at(FIRST, BERLIN), noon(may(5)), "shutdown"))
    writer.reinstall(UUID(int=0), is_linked=linked)
    end = day_begins_at(LAST + DAY, BERLIN)
    return [*old, *writer.run(noon(may(8)), end, "midnight")]
