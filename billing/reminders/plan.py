"""Planning reminders: a row for each tenant, recipient, period and step that is due.

In a few statements for all tenants. What is missing is asked of the roll-ups, which
leave out what nobody has judged yet; the full truth is asked once more when a mail goes
(`billing.reminders.send`). The database sees to it that a step is planned once, and one
mail a day, however often and however many at once this runs.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any

from django.db import IntegrityError, connection

from billing.coverage import licences
from billing.coverage.periods import Period, zone_named
from billing.coverage.reminder_dates import (
    REFUSED,
    STEPS,
    DueStep,
    hangs_on_deadline,
    is_late_step,
    latest,
    next_morning,
    waits_until,
)
from billing.coverage.standing import GRACE
from billing.models import SAFETY_STOP
from billing.reminders import sql as reminder_sql
from portal.db import unit_of_work
from portal.mail import switch as mail_switch

# How long after a deadline, or a flag, there can be anything to remind of.
_LONGEST = timedelta(weeks=10)

# What we refused has three days; before the first deadline passes, then what is late,
# then what is only asked for.
_RANKS = {step: rank for rank, step in enumerate((REFUSED, "last", "target", "late"))}


@dataclass(frozen=True, slots=True)
class _PeriodGroup:
    """What the periods of one name, tenant's zone, deadline and flag have in common.

    `until` is the end of the last days that refusals give, None for all other mails.
    """

    period: Period
    zone: str
    deadline_at: datetime
    flagged_at: datetime | None
    until: datetime | None


@dataclass(frozen=True, slots=True)
class PlannedMail:
    """A mail that would be planned at `at` if nothing came before."""

    tenant_id: int
    period: str
    recipient: str
    step: str
    day: date
    at: datetime
    extended_to: datetime | None


def plan_reminders(*, at: datetime) -> int:
    """Write down the reminders that are due; return how many are new.

    Also those that were not needed when they were to go, and are now. Begins and ends
    units of work of its own, as staff. None where no mail may go: a copy of the portal
    plans nothing that its original has sent.
    """
    with unit_of_work.acting_for(unit_of_work.STAFF):
        leave = mail_switch.send_permission()
        kinds = [] if leave.held else _kinds(at=at)
    dues = [
        (kind, due, at)
        for kind in kinds
        if (due := _due(kind, at=at)) and _is_new(due, leave)
    ]
    if not dues:
        return 0
    said = _parameters(dues, leave) | {"now": at}
    try:
        again = _write(reminder_sql.AGAIN, said)
    except IntegrityError:
        # Another run has just given one of them another mail: the next one looks again.
        again = 0
    return again + _write(reminder_sql.INSERT, said)


def _write(statement: str, said: Mapping[str, Any]) -> int:
    with unit_of_work.acting_for(unit_of_work.STAFF), connection.cursor() as cursor:
        cursor.execute(statement, said)
        return int(cursor.rowcount)


def preview_reminders(*, at: datetime, most: int) -> list[PlannedMail]:
    """Return what would be planned within a day if nothing came, the soonest first.

    In a unit of work of the staff; writes nothing.
    """
    leave = mail_switch.send_permission()
    dues = []
    for kind in _kinds(at=at):
        ends_at = kind.until or kind.deadline_at
        then = waits_until(at, zone_named(kind.zone), deadline_at=ends_at)
        mornings = {then, next_morning(at, zone_named(kind.zone))}
        for when in sorted(mornings):
            due = _due(kind, at=when)
            if due is not None and _is_new(due, leave):
                dues.append((kind, due, when))
    if not dues:
        return []
    with connection.cursor() as cursor:
        cursor.execute(reminder_sql.PREVIEW, _parameters(dues, leave) | {"most": most})
        rows = cursor.fetchall()
    return [PlannedMail(who, period, *rest) for who, period, *rest in rows]


def _kinds(*, at: datetime) -> list[_PeriodGroup]:
    with connection.cursor() as cursor:
        said = {"since": at - _LONGEST, "now": at}
        cursor.execute(reminder_sql.KINDS, said)
        rows = cursor.fetchall()
    return [_PeriodGroup(Period.parse(name), *rest) for name, *rest in rows]


def _due(kind: _PeriodGroup, *, at: datetime) -> DueStep | None:
    """Return the step that may be planned at `at`; at night there is none."""
    zone = zone_named(kind.zone)
    if waits_until(at, zone, deadline_at=kind.until or kind.deadline_at) > at:
        return None
    if kind.until is not None:
        return DueStep(REFUSED, kind.until - GRACE) if at < kind.until else None
    return latest(
        *(kind.period, zone),
        deadline_at=kind.deadline_at,
        flagged_at=kind.flagged_at,
        at=at,
    )


def _is_new(due: DueStep, leave: mail_switch.SendPermission) -> bool:
    """Say whether a step cannot have been sent by what was restored from."""
    return leave.restored_at is None or due.at > leave.restored_at


def _parameters(
    dues: Iterable[tuple[_PeriodGroup, DueStep, datetime]],
    leave: mail_switch.SendPermission,
) -> dict[str, Any]:
    rows = [
        (
            str(kind.period),
            kind.zone,
            kind.deadline_at,
            kind.flagged_at,
            due.step,
            _RANKS.get(due.step, len(STEPS)),
            is_late_step(due.step),
            at.astimezone(zone_named(kind.zone)).date(),
            at,
            kind.period.ends_on,
            hangs_on_deadline(due.step),
            kind.until,
        )
        for kind, due, at in dues
    ]
    names = (
        *("periods", "zones", "deadlines", "flags", "steps", "ranks", "are_late"),
        *("days", "ats", "ends", "hang", "ends_at"),
    )
    columns = [list(column) for column in zip(*rows, strict=True)]
    said = {
        "manual": licences.MANUAL,
        "stopped": SAFETY_STOP,
        "grace": GRACE,
        "restored": leave.restored_at,
        "hanging": [one for one in (*STEPS, REFUSED) if hangs_on_deadline(one)],
    }
    return {**dict(zip(names, columns, strict=True)), **said}
