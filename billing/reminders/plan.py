"""Plans reminders: a row for each tenant, recipient, period and step that is due.

A few statements cover all tenants. What is missing is read from the summaries, which
leave out unjudged files; when a mail is sent, it is computed once more from the files
(`billing.reminders.send`). The database ensures that a step is planned once, and one
mail a day, however often and however many at once this runs.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any

from django.db import IntegrityError, connection

from billing.coverage import licences
from billing.coverage.periods import ONE_DAY, Period, day_ends_at, zone_named
from billing.coverage.reminder_dates import (
    LAST,
    LATE,
    REFUSED,
    STEPS,
    TARGET,
    DueStep,
    depends_on_deadline,
    is_late_step,
    latest,
    next_morning,
    waits_until,
)
from billing.coverage.standing import GRACE
from billing.models import SAFETY_STOP
from billing.periods import refresh
from billing.reminders import sql as reminder_sql
from portal.db import unit_of_work
from portal.mail import switch as mail_switch

# Reminders are planned at most this long after a deadline or a flag.
_LONGEST = timedelta(weeks=10)

# How long a run refreshes stale summaries before it plans, in seconds.
_REFRESH_FOR = 60.0

# A period that ends later than this has no step that a preview could show: the next
# morning is at most 25 hours ahead, and no zone is more than 14 hours before UTC.
_AHEAD = timedelta(days=2)

# Most urgent first: refusals give three days; then mails before the deadline passes,
# then newly late periods, then weekly mails and mere requests.
_RANKS = {step: rank for rank, step in enumerate((REFUSED, LAST, TARGET, LATE))}


@dataclass(frozen=True, slots=True)
class _PeriodGroup:
    """All tenants' periods that share name, tenant's zone, deadline and flag.

    `until` is the end of the extra time after refusals, None for all other mails.
    """

    period: Period
    zone: str
    deadline_at: datetime
    flagged_at: datetime | None
    until: datetime | None


@dataclass(frozen=True, slots=True)
class PlannedMail:
    """A mail that would be planned at `at` if no file arrives before."""

    tenant_id: int
    period: str
    recipient: str
    step: str
    day: date
    at: datetime
    extended_to: datetime | None


def plan_reminders(*, at: datetime) -> int:
    """Store the reminders that are due; return how many are new.

    This includes reminders that were not needed when they were due, and are needed now.
    Begins and ends units of work of its own, as staff. Plans nothing while no mail may
    be sent: a copy of the portal plans nothing that its original has sent. Stale
    summaries are refreshed first, for a minute at most.
    """
    refresh.refresh_all(seconds=_REFRESH_FOR)
    with unit_of_work.acting_for(unit_of_work.STAFF):
        permission = mail_switch.send_permission()
        groups = [] if permission.held else _load_groups(at=at)
    dues = [
        (group, due, at)
        for group in groups
        if (due := _due_step(group, at=at)) and _is_new(due, permission)
    ]
    if not dues:
        return 0
    parameters = _parameters(dues, permission) | {"now": at}
    if not _is_wanted(parameters):
        return 0
    try:
        replanned = _execute(reminder_sql.REPLAN, parameters)
    except IntegrityError:
        # Another run has just planned a mail for a recipient; the next run tries again.
        replanned = 0
    return replanned + _execute(reminder_sql.INSERT, parameters)


def _is_wanted(parameters: Mapping[str, Any]) -> bool:
    with (
        unit_of_work.acting_for(unit_of_work.STAFF, reading=True),
        connection.cursor() as cursor,
    ):
        cursor.execute(reminder_sql.IS_WANTED, parameters)
        ((is_wanted,),) = cursor.fetchall()
    return bool(is_wanted)


def _execute(statement: str, parameters: Mapping[str, Any]) -> int:
    with unit_of_work.acting_for(unit_of_work.STAFF), connection.cursor() as cursor:
        cursor.execute(statement, parameters)
        return int(cursor.rowcount)


def preview_reminders(*, at: datetime, most: int) -> list[PlannedMail]:
    """Return what would be planned within a day if no file arrives, soonest first.

    In a unit of work of the staff; writes nothing.
    """
    permission = mail_switch.send_permission()
    dues = []
    for group in _load_groups(at=at):
        ends_at = group.until or group.deadline_at
        then = waits_until(at, zone_named(group.zone), deadline_at=ends_at)
        mornings = {then, next_morning(at, zone_named(group.zone))}
        for when in sorted(mornings):
            due = _due_step(group, at=when)
            if due is not None and _is_new(due, permission):
                dues.append((group, due, when))
    if not dues:
        return []
    with connection.cursor() as cursor:
        cursor.execute(
            reminder_sql.PREVIEW, _parameters(dues, permission) | {"most": most}
        )
        rows = cursor.fetchall()
    return [PlannedMail(tenant_id, period, *rest) for tenant_id, period, *rest in rows]


def _load_groups(*, at: datetime) -> list[_PeriodGroup]:
    with connection.cursor() as cursor:
        parameters: dict[str, Any] = {
            "since": at - _LONGEST,
            "now": at,
            "last_period": str(Period.containing((at + _AHEAD).date()).previous()),
        }
        cursor.execute(reminder_sql.GROUPS, parameters)
        rows = cursor.fetchall()
    return [_PeriodGroup(Period.parse(name), *rest) for name, *rest in rows]


def _due_step(group: _PeriodGroup, *, at: datetime) -> DueStep | None:
    """Return the step that may be planned at `at`; at night there is none."""
    zone = zone_named(group.zone)
    if waits_until(at, zone, deadline_at=group.until or group.deadline_at) > at:
        return None
    if group.until is not None:
        return DueStep(REFUSED, group.until - GRACE) if at < group.until else None
    return latest(
        *(group.period, zone),
        deadline_at=group.deadline_at,
        flagged_at=group.flagged_at,
        at=at,
    )


def _is_new(due: DueStep, permission: mail_switch.SendPermission) -> bool:
    """Return whether the original of a restored copy cannot have sent the step."""
    return permission.restored_at is None or due.at > permission.restored_at


def _parameters(
    dues: Iterable[tuple[_PeriodGroup, DueStep, datetime]],
    permission: mail_switch.SendPermission,
) -> dict[str, Any]:
    rows = [
        _row(group, due, at=at, rank=rank)
        for rank, (group, due, at) in enumerate(sorted(dues, key=_urgency))
    ]
    names = (
        *("periods", "zones", "deadlines", "flags", "steps", "ranks", "are_late"),
        *("days", "ats", "ends", "hang", "ends_at", "day_starts", "day_ends"),
    )
    columns = [list(column) for column in zip(*rows, strict=True)]
    parameters = {
        "manual": licences.MANUAL,
        "stopped": SAFETY_STOP,
        "grace": GRACE,
        "restored": permission.restored_at,
        "late": LATE,
        "latest": max(columns[names.index("ats")]),
        "hanging": [one for one in (*STEPS, REFUSED) if depends_on_deadline(one)],
    }
    return {**dict(zip(names, columns, strict=True)), **parameters}


def _row(
    group: _PeriodGroup, due: DueStep, *, at: datetime, rank: int
) -> tuple[object, ...]:
    """Return the row of `kind` in `billing.reminders.sql`."""
    zone = zone_named(group.zone)
    day = at.astimezone(zone).date()
    return (
        str(group.period),
        group.zone,
        group.deadline_at,
        group.flagged_at,
        due.step,
        rank,
        is_late_step(due.step),
        day,
        at,
        group.period.ends_on,
        depends_on_deadline(due.step),
        group.until,
        day_ends_at(day - ONE_DAY, zone),
        day_ends_at(day, zone),
    )


def _urgency(planned: tuple[_PeriodGroup, DueStep, datetime]) -> tuple[int, int, float]:
    """Return the sort key of a due step: the most urgent one is the smallest.

    Of late periods the newest comes first, of others the one with the next deadline.
    """
    group, due, _ = planned
    is_late = is_late_step(due.step)
    deadline = group.deadline_at.timestamp()
    rank = _RANKS.get(due.step, len(STEPS))
    return rank, not is_late, -deadline if is_late else deadline
