"""Computes a tenant's standing in a period from its facts, at an instant.

Used by pages, mails, exports and tasks alike, so that they cannot disagree.
"""

from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta
from enum import StrEnum

from billing.coverage.calendar import Calendar, calendar
from billing.coverage.cells import COVERED, UNCOVERED, Cell, CellState
from billing.coverage.facts import ExcuseFact, HeldFact, Mode, TenantFacts
from billing.coverage.periods import Period, has_ended, zone_named

# What the tenant has, once we have refused what waited for us, to bring what is owed.
GRACE = timedelta(days=3)


class Standing(StrEnum):
    """The standing of a tenant in a period.

    `incomplete` is ended with the deadline ahead, or with nothing that makes late. So
    it is also where only faults of automated upload, cells that wait for us, or the
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
    """A standing with its basis. `late` is the evidence, sorted; see `late_from`.

    `late_next_at` is when the next missing server-day makes the period late, if that is
    after the deadline: three days after a refusal. Otherwise None.
    """

    standing: Standing
    calendar: Calendar
    late: tuple[tuple[str, date], ...]
    late_next_at: datetime | None = None


def standing(
    period: Period, facts: TenantFacts, *, deadline_at: datetime, at: datetime
) -> Standing:
    """Return the tenant's standing at `at`.

    `deadline_at` is the effective deadline, extensions included. Both aware.
    """
    return judge(period, facts, deadline_at=deadline_at, at=at).standing


def judge(
    period: Period, facts: TenantFacts, *, deadline_at: datetime, at: datetime
) -> Judgement:
    """Return the tenant's standing at `at`, with calendar and evidence.

    Before the deadline nobody is late, so `late` is empty.
    """
    now = calendar(period, facts, at=at, deadline_at=deadline_at)
    late: tuple[tuple[str, date], ...] = ()
    later: list[datetime] = []
    if at >= deadline_at:
        found_late = late_from(period, facts, deadline_at=deadline_at)
        late = tuple(key for key, from_at in found_late.items() if at >= from_at)
        later = [from_at for from_at in found_late.values() if at < from_at]
    is_running = not has_ended(period, zone_named(facts.zone), at=at)
    if now.owes_nothing:
        found = Standing.NOTHING_OWED
    elif is_running or now.has_pending:
        found = Standing.OPEN
    elif now.is_complete:
        found = Standing.COMPLETED_LATE if late else Standing.COMPLETE
    else:
        found = Standing.LATE if late else Standing.INCOMPLETE
    return Judgement(found, now, late, min(later, default=None))


def late_cells(
    period: Period, facts: TenantFacts, *, deadline_at: datetime
) -> tuple[tuple[str, date], ...]:
    """List the server-days that make late from the deadline on; see `late_from`."""
    found = late_from(period, facts, deadline_at=deadline_at)
    return tuple(key for key, at in found.items() if at == deadline_at)


def late_from(
    period: Period, facts: TenantFacts, *, deadline_at: datetime
) -> dict[tuple[str, date], datetime]:
    """Map server-days whose files did not come in time to when they begin to count.

    As a rule that is the deadline: judged as known then, from receipt times alone, by
    what was missing or partial under a manual licence. A day that waited for us when
    its time came, until we refused what it waited for, is judged again three days
    after that refusal, and counts from then on.

    What has come since can only clear a day, never add one: it is cleared when it
    proves that every file of the day was here in time, or that there never was one.
    An excuse requested later changes nothing.
    """
    then = calendar(
        period,
        facts_before(facts, deadline_at, deadline_at=deadline_at),
        at=deadline_at,
        deadline_at=deadline_at,
    )
    suspects = [
        key
        for key, cell in then.cells.items()
        if cell.state in UNCOVERED and cell.mode is Mode.MANUAL
    ]
    if not suspects:
        return {}
    judged_at = _judged_at(suspects, period, facts, deadline_at=deadline_at)
    today = calendar(period, facts, at=deadline_at, deadline_at=deadline_at)
    return {
        key: judged_at[key]
        for key in suspects
        if key in judged_at and not _is_cleared(today.cells.get(key), judged_at[key])
    }


def facts_before(
    facts: TenantFacts, at: datetime, *, deadline_at: datetime
) -> TenantFacts:
    """Keep what was known before an instant, and excuses requested in time.

    The files received by then; the servers that had sent one, or were registered.
    Decisions made later about them count: acceptance keeps the time of receipt.
    """
    files = tuple(one for one in facts.files if one.received_at < at)
    held = tuple(one for one in facts.held if one.received_at < at)
    refused = (one.what for one in facts.refused if isinstance(one.what, HeldFact))
    seen = {*(one.server for one in files), *(one.server for one in held)}
    seen |= {one.server for one in refused if one.received_at < at}
    return replace(
        facts,
        servers=tuple(
            one
            for one in facts.servers
            if one.known_since is None or one.known_since < at or one.name in seen
        ),
        files=files,
        held=held,
        excuses=tuple(one for one in facts.excuses if one.asked_at < deadline_at),
    )


def _judged_at(
    suspects: list[tuple[str, date]],
    period: Period,
    facts: TenantFacts,
    *,
    deadline_at: datetime,
) -> dict[tuple[str, date], datetime]:
    """Return when each suspect was still missing as its time was up; omit the others.

    Before its time is up what we refused counts as if it still waited. The time of a
    day is up at the deadline, or as extra days after a refusal on its server end.
    """
    ends: dict[str, set[datetime]] = {}
    for one in facts.refused:
        ends.setdefault(one.what.server, set()).add(one.refused_at + GRACE)
    waiting = set(suspects)
    found: dict[tuple[str, date], datetime] = {}
    later = {end for own in ends.values() for end in own if end > deadline_at}
    for at in sorted({deadline_at, *later}):
        known = facts_before(facts, at, deadline_at=deadline_at)
        graced = _with_refused(known, facts, at=at, deadline_at=deadline_at)
        if at == deadline_at and graced == known:
            return dict.fromkeys(suspects, deadline_at)
        then = calendar(period, graced, at=at, deadline_at=deadline_at)
        for key in sorted(waiting):
            if at != deadline_at and at not in ends.get(key[0], ()):
                continue  # refusals on other servers do not concern it
            cell = then.cells.get(key)
            if cell is not None and cell.state is CellState.WITH_US:
                continue
            waiting.remove(key)
            if cell is not None and cell.state in UNCOVERED:
                found[key] = at
    return found


def _with_refused(
    known: TenantFacts, facts: TenantFacts, *, at: datetime, deadline_at: datetime
) -> TenantFacts:
    """Add what we refused less than `GRACE` before `at`, as if it still waited."""
    held: list[HeldFact] = []
    excuses: list[ExcuseFact] = []
    for one in facts.refused:
        if one.refused_at + GRACE <= at:
            continue
        if isinstance(one.what, HeldFact):
            if one.what.received_at < at:
                held.append(one.what)
        elif one.what.asked_at < deadline_at:
            excuses.append(one.what)
    return replace(
        known,
        held=(*known.held, *held),
        excuses=(*known.excuses, *excuses),
    )


def _is_cleared(cell: Cell | None, judged_at: datetime) -> bool:
    if cell is None:
        # Numbers that came since, with clocks set wrongly, moved the first owed day.
        return True
    # An excuse requested in time was already weighed; a later one does not clear.
    if cell.state not in COVERED or cell.state is CellState.EXCUSED:
        return False
    return all(fact.received_at < judged_at for fact in cell.files)
