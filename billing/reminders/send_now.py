"""Reminding now, because staff want it, and what a tenant was reminded of.

A round is a numbered step of its own for each tenant and period. One mail a day for
each recipient holds here too: who got one today, or waits for one, is left out.
"""

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from enum import StrEnum

from django.db.models import IntegerField, Max, Q
from django.db.models.functions import Cast, Substr

from billing.coverage.facts import Mode
from billing.coverage.licences import mode_on
from billing.coverage.periods import Period, zone_named
from billing.coverage.summary import numbers_at
from billing.models import (
    NOW,
    TAKES_THE_DAY,
    LateFlag,
    LicenceChange,
    PeriodSummary,
    Reminder,
    SafetyStop,
    TenantPeriod,
)
from billing.periods import refresh_summary
from portal.audit import log as audit_log
from portal.db import unit_of_work
from portal.jobs.queue import JobState
from portal.mail import switch as mail_switch
from portal.models import Membership, Role


class WhyNot(StrEnum):
    """Why nobody of a tenant is reminded."""

    NOT_OPEN = "not-open"
    NOTHING_MISSING = "nothing-missing"
    NOBODY = "nobody"
    TODAY = "mailed-today"
    STOPPED = "safety-stop"
    WAIVED = "waived"
    DECIDED = "decided"


@dataclass(frozen=True, slots=True)
class RemindedTenant:
    """Who of a tenant is reminded; `why_not` is a `WhyNot`, empty where somebody is.

    `day` is today's in the tenant's zone.
    """

    tenant_id: int
    recipients: tuple[str, ...]
    why_not: str
    day: date


@dataclass(frozen=True, slots=True)
class ReminderRound:
    """What reminding now does; `held` is why no mail may go at all, a code, or empty.

    The codes are those of `portal.mail.switch.SendPermission`. Tenants are in the order
    of ids.
    """

    held: str
    asked: tuple[RemindedTenant, ...]

    @property
    def mails(self) -> int:
        return sum(len(one.recipients) for one in self.asked)

    @property
    def tenants(self) -> int:
        return sum(bool(one.recipients) for one in self.asked)


def preview_remind_now(
    tenant_ids: Collection[int], period: Period, *, at: datetime
) -> ReminderRound:
    """Say what `remind_now` would do, and change nothing.

    Begins and ends a unit of work of its own, as staff.
    """
    with unit_of_work.acting_for(unit_of_work.STAFF):
        return _round(tenant_ids, period, at=at)


def remind_now(
    tenant_ids: Collection[int], period: Period, *, by: str, at: datetime
) -> ReminderRound:
    """Write a reminder for each tenant that lacks something; say what was done.

    What is missing is asked of the roll-ups here, and of the files once more when a
    mail goes. Pressed twice it writes nothing the second time. Begins and ends a unit
    of work of its own, as staff.
    """
    with unit_of_work.acting_for(unit_of_work.STAFF):
        found = _round(tenant_ids, period, at=at)
        if found.held or not found.mails:
            return found
        numbers = _numbers(tenant_ids, period)
        Reminder.objects.bulk_create(
            (
                Reminder(
                    tenant_id=one.tenant_id,
                    period=str(period),
                    recipient=recipient,
                    step=f"{NOW}{numbers.get(one.tenant_id, 0) + 1}",
                    day=one.day,
                    planned_at=at,
                    due_at=at,
                    asked_by=by,
                )
                for one in found.asked
                for recipient in one.recipients
            ),
            # Somebody else was quicker: one mail a day.
            ignore_conflicts=True,
        )
        audit_log.append(
            tenant_id=None,
            actor=by,
            act="reminded-now",
            subject=str(period),
            details={"tenants": found.tenants, "mails": found.mails},
            at=at,
        )
    return found


def mails_of(tenant_id: int, period: Period) -> list[Reminder]:
    """Return the reminders of a tenant's period, oldest first, without their texts.

    In the caller's unit of work, of the tenant or of the staff.
    """
    rows = Reminder.objects.filter(tenant_id=tenant_id, period=str(period))
    return list(rows.defer("text", "html").order_by("planned_at", "pk"))


def _round(
    tenant_ids: Collection[int], period: Period, *, at: datetime
) -> ReminderRound:
    held = mail_switch.send_permission().held
    opened = {
        row.tenant_id: row
        for row in TenantPeriod.objects.filter(
            tenant__in=tenant_ids, period=str(period)
        ).select_related("tenant")
    }
    lacking = _lacking(opened, period, at=at)
    answered = _answered(opened, period)
    people = _recipients(lacking, opened, at=at)
    taken = _taken(lacking, opened, at=at)
    stops = SafetyStop.objects.filter(period=str(period), released_at=None)
    is_stopped = stops.exists()
    asked = []
    for tenant_id in sorted(set(tenant_ids)):
        row = opened.get(tenant_id)
        if row is None or tenant_id not in lacking:
            why = WhyNot.NOTHING_MISSING if row else WhyNot.NOT_OPEN
            asked.append(RemindedTenant(tenant_id, (), why, day=at.date()))
            continue
        today = at.astimezone(zone_named(row.tenant.zone)).date()
        if tenant_id in answered:
            asked.append(RemindedTenant(tenant_id, (), answered[tenant_id], day=today))
            continue
        if is_stopped and at >= row.effective_at:
            asked.append(RemindedTenant(tenant_id, (), WhyNot.STOPPED, day=today))
            continue
        busy = taken[tenant_id]
        free = tuple(
            one
            for one in sorted(people[tenant_id])
            if (one, today) not in busy and (one, None) not in busy
        )
        why_not = "" if free else WhyNot.TODAY if people[tenant_id] else WhyNot.NOBODY
        asked.append(RemindedTenant(tenant_id, free, why_not, day=today))
    return ReminderRound(held, tuple(asked))


def _lacking(
    opened: Mapping[int, TenantPeriod], period: Period, *, at: datetime
) -> set[int]:
    """Return the tenants with something missing that makes late."""
    rows = PeriodSummary.objects.filter(tenant__in=opened, period=str(period))
    found, without = set(), set()
    for row in rows:
        if numbers_at(refresh_summary.stored_summary(row), at=at).missing:
            found.add(row.tenant_id)
        elif row.lacks_servers:
            without.add(row.tenant_id)
    changes: dict[int, list[tuple[date, list[str]]]] = defaultdict(list)
    for change in LicenceChange.objects.filter(tenant__in=without):
        changes[change.tenant_id].append((change.from_on, change.keys))
    return found | {
        who
        for who in without
        if mode_on(tuple(changes[who]), period.ends_on) is Mode.MANUAL
    }


def _answered(opened: Mapping[int, TenantPeriod], period: Period) -> dict[int, WhyNot]:
    """Return the tenants whose lateness staff have answered, and how.

    Not where more is missing than they have answered about: what was refused and has
    time still, days of a server that was registered since.
    """
    flags = LateFlag.objects.filter(
        tenant__in=opened, period=str(period), voided_at=None
    ).defer("evidence")
    rolled_up = PeriodSummary.objects.filter(tenant__in=opened, period=str(period))
    missing = dict(rolled_up.values_list("tenant", "lacking"))
    return {
        flag.tenant_id: WhyNot(flag.answer)
        for flag in flags
        if flag.answer
        and flag.deadline_at == opened[flag.tenant_id].effective_at
        and missing.get(flag.tenant_id, 0) <= len({*flag.waived, *flag.decided})
    }


def _recipients(
    lacking: Iterable[int], opened: Mapping[int, TenantPeriod], *, at: datetime
) -> dict[int, set[str]]:
    found: dict[int, set[str]] = {who: set() for who in lacking}
    wanted = Q(gets_reminders=True) | Q(gets_reminders=None, role=Role.ADMIN)
    members = Membership.objects.filter(
        wanted, tenant__in=list(found), user__is_active=True
    )
    for who, address in members.values_list("tenant_id", "user__email"):
        found[who].add(address)
    for who, addresses in found.items():
        row = opened[who]
        if row.tenant.escalation_address and at >= row.effective_at:
            addresses.add(row.tenant.escalation_address)
    return found


def _taken(
    lacking: Iterable[int], opened: Mapping[int, TenantPeriod], *, at: datetime
) -> dict[int, set[tuple[str, date | None]]]:
    """Return who has the mail of which day; None for one that waits, of any day.

    Also of the day that it went on by the zone the tenant is in now.
    """
    found: dict[int, set[tuple[str, date | None]]] = defaultdict(set)
    lately = at.date() - timedelta(days=2)
    rows = Reminder.objects.filter(
        Q(state=JobState.WAITING) | Q(day__gte=lately, outcome__in=TAKES_THE_DAY),
        tenant__in=list(lacking),
    )
    for row in rows.only("tenant_id", "recipient", "day", "state", "begun_at"):
        days: set[date | None] = {row.day}
        if row.state == JobState.WAITING:
            days = {None}
        elif row.begun_at:
            zone = zone_named(opened[row.tenant_id].tenant.zone)
            days.add(row.begun_at.astimezone(zone).date())
        found[row.tenant_id] |= {(row.recipient, day) for day in days}
    return found


def _numbers(tenant_ids: Collection[int], period: Period) -> dict[int, int]:
    """Return the number of the last round of each tenant that had one."""
    rows = Reminder.objects.filter(
        tenant__in=tenant_ids, period=str(period), step__startswith=NOW
    ).annotate(number=Cast(Substr("step", len(NOW) + 1), IntegerField()))
    grouped = rows.order_by().values("tenant_id").annotate(last=Max("number"))
    return dict(grouped.values_list("tenant_id", "last"))
