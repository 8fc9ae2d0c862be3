"""Planning reminders: a row for each tenant, recipient, period and step that is due.

In a few statements for all tenants. What is missing is asked of the roll-ups, which
leave out what nobody has judged yet; the full truth is asked once more when a mail goes
(`billing.reminding`). The database sees to it that a step is planned once, and one mail
a day, however often and however many at once this runs.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any

from django.db import connection

from billing import licences
from billing.periods import Period, zone_named
from billing.reminder_row import SAFETY_STOP
from billing.reminder_steps import (
    STEPS,
    Due,
    hangs_on_deadline,
    is_late_step,
    latest,
    next_morning,
    waits_until,
)
from portal import access, mailing

# How long after a deadline, or a flag, there can be anything to remind of.
_LONGEST = timedelta(weeks=10)

# An open flag `f` of a tenant's period `tp`, for its effective deadline.
_OPEN_FLAG = """
f.tenant_id = tp.tenant_id and f.period = tp.period
    and f.deadline_at = coalesce(tp.extended_to, tp.deadline_at)
    and f.voided_at is null and f.completed_at is null
    and f.consequence = '' and not f.still <@ f.waived
"""

# Tenants have few zones and fewer deadlines: what is due is worked out once for each
# kind of period, not for each tenant. Mornings are those of the tenant's zone, for all
# of its periods the same: by two clocks a day could have two mails.
_KINDS = f"""
select distinct tp.period, t.zone, coalesce(tp.extended_to, tp.deadline_at),
    f.raised_at
from billing_tenantperiod tp
join portal_tenant t on t.id = tp.tenant_id
left join billing_lateflag f on {_OPEN_FLAG}
where greatest(tp.deadline_at, tp.extended_to, f.raised_at) > %(since)s
    and (f.id is null or not exists (
        select from billing_safetystop s
        where s.period = tp.period and s.released_at is null
    ))
"""  # noqa: S608 - made of constants alone

# Who would get what. `missing_from` is sorted: its first day is over or none is. A
# tenant without servers is asked only under a licence for manual upload. A mail that
# waits keeps another one waiting, unless a safety stop holds it: that can last. What
# went when the tenant was in another zone may have been another day's there. After an
# extension nobody who was told of the last day is told of an earlier step.
_WANTED = f"""
with kind as (
    select * from unnest(
        %(periods)s::text[], %(zones)s::text[], %(deadlines)s::timestamptz[],
        %(flags)s::timestamptz[], %(steps)s::text[], %(ranks)s::int[],
        %(are_late)s::bool[], %(days)s::date[], %(ats)s::timestamptz[],
        %(ends)s::date[], %(hang)s::bool[]
    ) as t (period, zone, deadline_at, flagged_at, step, rank, is_late, day, at,
        ends_on, hangs)
), lacking as (
    select tp.tenant_id, t.escalation_address, kind.*,
        case when kind.hangs then tp.extended_to end as extended_to
    from kind
    join billing_tenantperiod tp on tp.period = kind.period
        and coalesce(tp.extended_to, tp.deadline_at) = kind.deadline_at
    join portal_tenant t on t.id = tp.tenant_id and t.zone = kind.zone
    join billing_periodrollup r
        on r.tenant_id = tp.tenant_id and r.period = tp.period
    left join billing_lateflag f on {_OPEN_FLAG}
    where f.raised_at is not distinct from kind.flagged_at
        and (r.missing_from[1] <= kind.at or r.lacks_servers and (
            select %(manual)s = any (l.keys) from billing_licencechange l
            where l.tenant_id = tp.tenant_id and l.from_on <= kind.ends_on
            order by l.from_on desc limit 1
        ))
), told as (
    select lacking.*, u.email as recipient
    from lacking
    join portal_membership m on m.tenant_id = lacking.tenant_id
        and coalesce(m.gets_reminders, m.role = 'admin')
    join portal_user u on u.id = m.user_id and u.is_active
    union
    select lacking.*, escalation_address from lacking
    where is_late and escalation_address <> ''
)
select tenant_id, period, recipient, step, extended_to, day, at, rank, deadline_at
from told where not exists (
    select from billing_reminder r
    where r.tenant_id = told.tenant_id and r.recipient = told.recipient
        and (r.state = 'waiting' and r.problem <> %(stopped)s
            or r.period = told.period and r.step = told.step
                and r.extended_to is not distinct from told.extended_to
            or r.period = told.period and r.step = any (%(hanging)s)
                and not told.hangs and r.outcome in ('', 'sent', 'unsure')
            or r.outcome in ('', 'sent', 'unsure') and (
                r.day = told.day
                or (r.begun_at at time zone told.zone)::date = told.day
            ))
)
"""  # noqa: S608 - made of constants alone

# The most urgent first: of two periods one has to wait for the next day.
_URGENT_FIRST = "order by rank, deadline_at, tenant_id, recipient"

_INSERT = f"""
insert into billing_reminder (tenant_id, period, recipient, step, extended_to, day,
    due_at, planned_at, state, attempts, faults, problem)
select tenant_id, period, recipient, step, extended_to, day,
    %(now)s, %(now)s, 'waiting', 0, 0, ''
from ({_WANTED} {_URGENT_FIRST}) as wanted
on conflict do nothing
"""  # noqa: S608 - made of constants alone

# What the plan would make of it on the two days that a preview reaches: one a day for
# each recipient, and what the first day leaves over on the second.
_PREVIEW = f"""
with wanted as (
    {_WANTED}
), first as (
    select distinct on (tenant_id, recipient) * from wanted
    order by tenant_id, recipient, at, rank, deadline_at
), second as (
    select distinct on (w.tenant_id, w.recipient) w.*
    from wanted w join first f using (tenant_id, recipient)
    where w.day > f.day and (w.period, w.step) <> (f.period, f.step)
    order by w.tenant_id, w.recipient, w.at, w.rank, w.deadline_at
)
select tenant_id, period, recipient, step, day, at
from (table first union all table second) as both_days
order by at, rank, tenant_id, recipient limit %(most)s
"""  # noqa: S608 - made of constants alone

# Before the first deadline passes, then what is late, then what is only asked for.
_RANKS = {step: rank for rank, step in enumerate(("last", "target", "late"))}


@dataclass(frozen=True, slots=True)
class _Kind:
    """What the periods of one name, tenant's zone, deadline and flag have in common."""

    period: Period
    zone: str
    deadline_at: datetime
    flagged_at: datetime | None


@dataclass(frozen=True, slots=True)
class Planned:
    """A mail that would be planned at `at` if nothing came before."""

    tenant_id: int
    period: str
    recipient: str
    step: str
    day: date
    at: datetime


def plan(*, at: datetime) -> int:
    """Write down the reminders that are due; return how many are new.

    Begins and ends a unit of work of its own, as staff. None where no mail may go: a
    copy of the portal plans nothing that its original has sent.
    """
    with access.acting_for(access.STAFF):
        leave = mailing.leave()
        if leave.held:
            return 0
        dues = [
            (kind, due, at)
            for kind in _kinds(at=at)
            if (due := _due(kind, at=at)) and _is_new(due, leave)
        ]
        if not dues:
            return 0
        with connection.cursor() as cursor:
            cursor.execute(_INSERT, _parameters(dues) | {"now": at})
            return int(cursor.rowcount)


def preview(*, at: datetime, most: int) -> list[Planned]:
    """Return what would be planned within a day if nothing came, the soonest first.

    In a unit of work of the staff; writes nothing.
    """
    leave = mailing.leave()
    dues = []
    for kind in _kinds(at=at):
        then = waits_until(at, zone_named(kind.zone), deadline_at=kind.deadline_at)
        mornings = {then, next_morning(at, zone_named(kind.zone))}
        for when in sorted(mornings):
            due = _due(kind, at=when)
            if due is not None and _is_new(due, leave):
                dues.append((kind, due, when))
    if not dues:
        return []
    with connection.cursor() as cursor:
        cursor.execute(_PREVIEW, _parameters(dues) | {"most": most})
        rows = cursor.fetchall()
    return [Planned(who, period, *rest) for who, period, *rest in rows]


def _kinds(*, at: datetime) -> list[_Kind]:
    with connection.cursor() as cursor:
        cursor.execute(_KINDS, {"since": at - _LONGEST})
        rows = cursor.fetchall()
    return [_Kind(Period.parse(name), *rest) for name, *rest in rows]


def _due(kind: _Kind, *, at: datetime) -> Due | None:
    """Return the step that may be planned at `at`; at night there is none."""
    zone = zone_named(kind.zone)
    if waits_until(at, zone, deadline_at=kind.deadline_at) > at:
        return None
    return latest(
        *(kind.period, zone),
        deadline_at=kind.deadline_at,
        flagged_at=kind.flagged_at,
        at=at,
    )


def _is_new(due: Due, leave: mailing.Leave) -> bool:
    """Say whether a step cannot have been sent by what was restored from."""
    return leave.restored_at is None or due.at > leave.restored_at


def _parameters(
    dues: Iterable[tuple[_Kind, Due, datetime]],
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
        )
        for kind, due, at in dues
    ]
    names = (
        *("periods", "zones", "deadlines", "flags", "steps", "ranks", "are_late"),
        *("days", "ats", "ends", "hang"),
    )
    columns = [list(column) for column in zip(*rows, strict=True)]
    said = {
        "manual": licences.MANUAL,
        "stopped": SAFETY_STOP,
        "hanging": [step for step in STEPS if hangs_on_deadline(step)],
    }
    return {**dict(zip(names, columns, strict=True)), **said}
