"""Computes which reminder step of a period is due, without a clock.

Steps are sent at nine in the morning of the tenant's zone, and until the evening of
the same day to recipients who begin to need one; at night only where the deadline
would pass by the morning.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta, tzinfo

from billing.coverage.periods import ONE_DAY, Period

ENDED = "ended"
SOON = "soon"
TARGET = "target"
LAST = "last"
LATE = "late"

# The notice of what we refused after the deadline, and until when it may still come.
REFUSED = "refused"

# Weeks after the first late mail in which another one is sent.
WEEKS = 8

STEPS = (ENDED, SOON, TARGET, LAST, LATE, *(f"weekly-{n + 1}" for n in range(WEEKS)))

# Days before the target at which the second step is sent.
_SOON = timedelta(days=3)

_MORNING = time(9)
_EVENING = time(17)
_WEEK = timedelta(days=7)


@dataclass(frozen=True, slots=True)
class DueStep:
    """A step with the instant, aware, from which on it is due."""

    step: str
    at: datetime


def is_late_step(step: str) -> bool:
    return step == LATE or step.startswith("weekly-")


def depends_on_deadline(step: str) -> bool:
    """Return whether a step is sent once for each deadline that a period is given."""
    return step in (LAST, REFUSED) or is_late_step(step)


def steps(
    period: Period,
    zone: tzinfo,
    *,
    deadline_at: datetime,
    flagged_at: datetime | None,
) -> Iterator[DueStep]:
    """Yield the steps in their order, before the deadline and, if flagged, after it.

    `deadline_at` is the effective deadline, `flagged_at` when an open late flag for it
    was raised. A step that would come after the deadline, or after the one that follows
    it, is yielded all the same: the last one that is due counts.
    """
    yield DueStep(ENDED, _morning(period.ends_on + ONE_DAY, zone))
    yield DueStep(SOON, _morning(period.target_on - _SOON, zone))
    yield DueStep(TARGET, _morning(period.target_on, zone))
    yield DueStep(LAST, _morning_before(deadline_at, zone))
    if flagged_at is not None:
        late_at = next_morning(max(deadline_at, flagged_at), zone)
        first = late_at.astimezone(zone).date()
        for number, step in enumerate(STEPS[STEPS.index(LATE) :]):
            yield DueStep(step, _morning(first + number * _WEEK, zone))


def latest(
    period: Period,
    zone: tzinfo,
    *,
    deadline_at: datetime,
    flagged_at: datetime | None,
    at: datetime,
) -> DueStep | None:
    """Return the last step that is due at `at`, None if there is none.

    After the deadline only those to a flagged tenant, and not for ever.
    """
    found: DueStep | None = None
    for due in steps(period, zone, deadline_at=deadline_at, flagged_at=flagged_at):
        if due.at <= at and is_late_step(due.step) == (at >= deadline_at):
            found = due
    if found is not None and is_late_step(found.step) and at >= found.at + _WEEK:
        return None
    return found


def waits_until(at: datetime, zone: tzinfo, *, deadline_at: datetime) -> datetime:
    """Return when a mail due at `at` may be sent: at once, or the next morning.

    Never the next morning if the deadline passes before it.
    """
    if _MORNING <= at.astimezone(zone).time() < _EVENING:
        return at
    morning = next_morning(at, zone)
    return at if at < deadline_at <= morning else morning


def next_morning(at: datetime, zone: tzinfo) -> datetime:
    """Return the first nine o'clock at `at` or after it."""
    day = at.astimezone(zone).date()
    morning = _morning(day, zone)
    return morning if morning >= at else _morning(day + ONE_DAY, zone)


def _morning_before(deadline_at: datetime, zone: tzinfo) -> datetime:
    day = deadline_at.astimezone(zone).date()
    morning = _morning(day, zone)
    return morning if morning < deadline_at else _morning(day - ONE_DAY, zone)


def _morning(day: date, zone: tzinfo) -> datetime:
    return datetime.combine(day, _MORNING, zone)
