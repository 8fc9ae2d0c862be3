"""Where a tenant stands in a period, from the facts and an instant.

Used by pages, mails, exports and tasks alike, so that they cannot disagree.
"""

from dataclasses import dataclass, replace
from datetime import date, datetime
from enum import StrEnum

from billing.cells import COVERED, UNCOVERED, Cell, CellState
from billing.coverage import Calendar, calendar
from billing.facts import Mode, TenantFacts
from billing.periods import Period, has_ended, zone_named


class Standing(StrEnum):
    """`incomplete` is ended with the deadline ahead, or with nothing that makes late.

    So it is also where only faults of automated upload, cells that wait for us, or the
    servers themselves are lacking after the deadline.
    """

    NOTHING_OWED = "nothing owed"
    OPEN = "open"
    COMPLETE = "complete"
    INCOMPLETE = "incomplete"
    LATE = "late"
    COMPLETED_LATE = "completed late"


@dataclass(frozen=True, slots=True)
class Judgement:
    """A standing with what it rests on. `late` is the evidence, sorted; see there."""

    standing: Standing
    calendar: Calendar
    late: tuple[tuple[str, date], ...]


def standing(
    period: Period, facts: TenantFacts, *, deadline_at: datetime, at: datetime
) -> Standing:
    """Say where the tenant stands at `at`.

    `deadline_at` is the effective deadline, extensions included. Both aware.
    """
    return judge(period, facts, deadline_at=deadline_at, at=at).standing


def judge(
    period: Period, facts: TenantFacts, *, deadline_at: datetime, at: datetime
) -> Judgement:
    """Say where the tenant stands at `at`, with calendar and evidence.

    Before the deadline nobody is late, so `late` is empty.
    """
    now = calendar(period, facts, at=at, deadline_at=deadline_at)
    late: tuple[tuple[str, date], ...] = ()
    if at >= deadline_at:
        late = late_cells(period, facts, deadline_at=deadline_at)
    is_running = not has_ended(period, zone_named(facts.zone), at=at)
    if now.owes_nothing:
        found = Standing.NOTHING_OWED
    elif is_running or now.has_pending:
        found = Standing.OPEN
    elif now.is_complete:
        found = Standing.COMPLETED_LATE if late else Standing.COMPLETE
    else:
        found = Standing.LATE if late else Standing.INCOMPLETE
    return Judgement(found, now, late)


def late_cells(
    period: Period, facts: TenantFacts, *, deadline_at: datetime
) -> tuple[tuple[str, date], ...]:
    """List the server-days whose owed files were not here by the deadline.

    As known then, from receipt times alone: what was missing or partial under a manual
    licence at `deadline_at`. What has come since can only clear a day, never add one:
    it is cleared when it proves that every file of the day was here in time, or that
    there never was one. Asking later changes nothing.
    """
    then = calendar(
        period,
        known_before(facts, deadline_at),
        at=deadline_at,
        deadline_at=deadline_at,
    )
    suspects = [
        key
        for key, cell in then.cells.items()
        if cell.state in UNCOVERED and cell.mode is Mode.MANUAL
    ]
    if not suspects:
        return ()
    today = calendar(period, facts, at=deadline_at, deadline_at=deadline_at)
    return tuple(
        key for key in suspects if not _is_cleared(today.cells.get(key), deadline_at)
    )


def known_before(facts: TenantFacts, deadline_at: datetime) -> TenantFacts:
    """Keep the files received, and the excuses asked for, before the deadline.

    Decisions made later about them stand: acceptance keeps the time of receipt.
    """
    return replace(
        facts,
        files=tuple(f for f in facts.files if f.received_at < deadline_at),
        held=tuple(h for h in facts.held if h.received_at < deadline_at),
        excuses=tuple(e for e in facts.excuses if e.asked_at < deadline_at),
    )


def _is_cleared(cell: Cell | None, deadline_at: datetime) -> bool:
    if cell is None:
        # Numbers that came since, with clocks set wrongly, moved the first owed day.
        return True
    # An excuse asked for in time was already weighed; a later one does not clear.
    if cell.state not in COVERED or cell.state is CellState.EXCUSED:
        return False
    return all(fact.received_at < deadline_at for fact in cell.files)
