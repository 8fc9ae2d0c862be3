"""Queues reminders at the request of staff, and lists the reminders of a tenant.

A round is a numbered step of its own for each tenant and period. The limit of one mail
a day holds here too: recipients who got one today, or wait for one, are left out.
"""

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
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
from billing.periods import marks, refresh, summary_queries
from portal.audit import log as audit_log
from portal.db import unit_of_work
from portal.jobs.queue import JobState
from portal.mail import switch as mail_switch
from portal.models import Membership, Role


class NotReminded(StrEnum):
    """Reasons why nobody of a tenant is reminded."""

    NOT_OPEN = "not-open"
    NOTHING_MISSING = "nothing-missing"
    NOBODY = "nobody"
    TODAY = "mailed-today"
    STOPPED = "safety-stop"
    UPDATING = "updating"
    NOT_COMPUTED = "not-computed"
    WAIVED = "waived"
    DECIDED = "decided"


@dataclass(frozen=True, slots=True)
class RemindedTenant:
    """A tenant's recipients; `why_not` is a `NotReminded`, empty if there are any.

    `day` is today in the tenant's zone.
    """

    tenant_id: int
    recipients: tuple[str, ...]
    why_not: str
    day: date


@dataclass(frozen=True, slots=True)
class ReminderRound:
    """The result of reminding now; `held` is the code of why no mail may be sent.

    The codes are those of `portal.mail.switch.SendPermission`, empty if mails may be
    sent. `selected` has all tenants that were selected, in the order of ids.
    """

    held: str
    selected: tuple[RemindedTenant, ...]

    @property
    def mails(self) -> int:
        return sum(len(one.recipients) for one in self.selected)

    @property
    def tenants(self) -> int:
        return sum(bool(one.recipients) for one in self.selected)


def preview_remind_now(
    tenant_ids: Collection[int], period: Period, *, at: datetime
) -> ReminderRound:
    """Return what `remind_now` would do, and change nothing.

    Begins and ends units of work of its own; stale summaries are refreshed first.
    """
    refresh.refresh_tenants(tenant_ids, str(period))
    with unit_of_work.acting_for(unit_of_work.STAFF):
        return _round(tenant_ids, period, at=at)


def remind_now(
    tenant_ids: Collection[int], period: Period, *, by: str, at: datetime
) -> ReminderRound:
    """Store reminders for each tenant that lacks files; return what was done.

    What is missing is read from the summaries here, and from the files once more when a
    mail is sent. A second press of the button stores nothing. Begins and ends units of
    work of its own; stale summaries are refreshed first.
    """
    refresh.refresh_tenants(tenant_ids, str(period))
    with unit_of_work.acting_for(unit_of_work.STAFF):
        found = _round(tenant_ids, period, at=at)
        if found.held or not found.mails:
            return found
        last_rounds = _last_rounds(tenant_ids, period)
        Reminder.objects.bulk_create(
            (
                Reminder(
                    tenant_id=one.tenant_id,
                    period=str(period),
                    recipient=recipient,
                    step=f"{NOW}{last_rounds.get(one.tenant_id, 0) + 1}",
                    day=one.day,
                    planned_at=at,
                    due_at=at,
                    asked_by=by,
                )
                for one in found.selected
                for recipient in one.recipients
            ),
            # A concurrent request was quicker: one mail a day.
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
    """Return the reminders that name a tenant's period, oldest first, without texts.

    In the caller's unit of work, of the tenant or of the staff.
    """
    names_it = Q(period=str(period)) | Q(late_periods__contains=[str(period)])
    rows = Reminder.objects.filter(names_it, tenant_id=tenant_id)
    return list(rows.defer("text", "html").order_by("planned_at", "pk"))


def _round(
    tenant_ids: Collection[int], period: Period, *, at: datetime
) -> ReminderRound:
    held = mail_switch.send_permission().held
    rows = TenantPeriod.objects.filter(tenant__in=tenant_ids, period=str(period))
    opened = {row.tenant_id: row for row in rows.select_related("tenant")}
    # Marks first: what the refresher stores after this query counts as stale.
    stale = marks.stale_tenants(opened, str(period))
    lacking = _lacking(opened, period, at=at)
    people = _recipients(lacking, opened, at=at)
    mailed = _mailed_days(lacking, opened, at=at)
    why_not = _why_not(opened, lacking, period, at=at)
    updating = marks.stale_tenants(opened, str(period), with_failed=False)
    why_not |= dict.fromkeys(stale - updating, NotReminded.NOT_COMPUTED)
    why_not |= dict.fromkeys(stale & updating, NotReminded.UPDATING)
    selected = []
    for tenant_id in sorted(set(tenant_ids)):
        row, why = opened.get(tenant_id), why_not.get(tenant_id, "")
        zone = zone_named(row.tenant.zone) if row else UTC
        today, free = at.astimezone(zone).date(), tuple[str, ...]()
        if row is None:
            why = NotReminded.NOT_OPEN
        elif not why:
            free = _free_today(people[tenant_id], mailed[tenant_id], today)
            if not free:
                has_people = bool(people[tenant_id])
                why = NotReminded.TODAY if has_people else NotReminded.NOBODY
        selected.append(RemindedTenant(tenant_id, free, why, day=today))
    return ReminderRound(held, tuple(selected))


def _why_not(
    opened: Mapping[int, TenantPeriod],
    lacking: Collection[int],
    period: Period,
    *,
    at: datetime,
) -> dict[int, NotReminded]:
    """Return the tenants that are not reminded, whoever their recipients are."""
    stops = SafetyStop.objects.filter(period=str(period), released_at=None)
    late = {one for one, row in opened.items() if at >= row.effective_at}
    return (
        dict.fromkeys(late if stops.exists() else set(), NotReminded.STOPPED)
        | _resolved(opened, period)
        | dict.fromkeys(set(opened) - set(lacking), NotReminded.NOTHING_MISSING)
    )


def _free_today(
    people: Collection[str], mailed: Collection[tuple[str, date | None]], today: date
) -> tuple[str, ...]:
    """Return the recipients, sorted, without a mail of today or of no day yet."""
    return tuple(
        one
        for one in sorted(people)
        if (one, today) not in mailed and (one, None) not in mailed
    )


def _lacking(
    opened: Mapping[int, TenantPeriod], period: Period, *, at: datetime
) -> set[int]:
    """Return the tenants with missing days that count for lateness."""
    rows = PeriodSummary.objects.filter(tenant__in=opened, period=str(period))
    found, without = set(), set()
    for row in rows:
        if numbers_at(summary_queries.stored_summary(row), at=at).missing:
            found.add(row.tenant_id)
        elif row.lacks_servers:
            without.add(row.tenant_id)
    changes: dict[int, list[tuple[date, list[str]]]] = defaultdict(list)
    for change in LicenceChange.objects.filter(tenant__in=without):
        changes[change.tenant_id].append((change.from_on, change.keys))
    return found | {
        tenant_id
        for tenant_id in without
        if mode_on(tuple(changes[tenant_id]), period.ends_on) is Mode.MANUAL
    }


def _resolved(
    opened: Mapping[int, TenantPeriod], period: Period
) -> dict[int, NotReminded]:
    """Return the tenants whose lateness staff have waived or decided, and which.

    Without tenants that lack more than that covers: refused days with time left, days
    of a server that was registered since.
    """
    flags = LateFlag.objects.filter(
        tenant__in=opened, period=str(period), voided_at=None
    ).defer("evidence")
    summaries = PeriodSummary.objects.filter(tenant__in=opened, period=str(period))
    missing = dict(summaries.values_list("tenant", "lacking"))
    return {
        flag.tenant_id: NotReminded(flag.answer)
        for flag in flags
        if flag.answer
        and flag.deadline_at == opened[flag.tenant_id].effective_at
        and missing.get(flag.tenant_id, 0) <= len({*flag.waived, *flag.decided})
    }


def _recipients(
    lacking: Iterable[int], opened: Mapping[int, TenantPeriod], *, at: datetime
) -> dict[int, set[str]]:
    found: dict[int, set[str]] = {tenant_id: set() for tenant_id in lacking}
    wanted = Q(gets_reminders=True) | Q(gets_reminders=None, role=Role.ADMIN)
    members = Membership.objects.filter(
        wanted, tenant__in=list(found), user__is_active=True
    )
    for tenant_id, address in members.values_list("tenant_id", "user__email"):
        found[tenant_id].add(address)
    for tenant_id, addresses in found.items():
        row = opened[tenant_id]
        if row.tenant.escalation_address and at >= row.effective_at:
            addresses.add(row.tenant.escalation_address)
    return found


def _mailed_days(
    lacking: Iterable[int], opened: Mapping[int, TenantPeriod], *, at: datetime
) -> dict[int, set[tuple[str, date | None]]]:
    """Return recipients with the days of their mails; None for a mail that waits.

    Includes the day on which a mail was sent by the zone that the tenant is in now.
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


def _last_rounds(tenant_ids: Collection[int], period: Period) -> dict[int, int]:
    """Return the number of the last round of each tenant that had one."""
    rows = Reminder.objects.filter(
        tenant__in=tenant_ids, period=str(period), step__startswith=NOW
    ).annotate(number=Cast(Substr("step", len(NOW) + 1), IntegerField()))
    grouped = rows.order_by().values("tenant_id").annotate(last=Max("number"))
    return dict(grouped.values_list("tenant_id", "last"))
