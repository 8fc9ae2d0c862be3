"""What a reminder says: what is missing, by when, and where to upload it."""

from collections.abc import Collection
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, timedelta, tzinfo

from django.utils.translation import gettext, ngettext

from billing.calendar_view import table as calendar_table
from billing.coverage.cells import UNCOVERED
from billing.coverage.coverage import Calendar
from billing.coverage.facts import Mode
from billing.coverage.periods import Period, zone_named
from billing.coverage.reminder_dates import LAST
from billing.coverage.standing import GRACE, Standing
from billing.models import Excuse, LateFlag, PeriodSummary, Reminder
from billing.periods import text as period_text
from billing.periods.queries import PeriodView
from portal.approvals import Decision
from portal.mail import message as mail_message
from portal.mail.outbox import WrittenMail
from portal.models import Tenant
from portal.templatetags.shown import short_day
from usage.models import FileState, UsageFile

# What a mail names; it says how many more there are. Short on a phone.
_NAMED = 30


@dataclass(frozen=True, slots=True)
class ReminderCase:
    """A mail with what is known as it is to go.

    `settled` are the server-days, as a late flag has them, that it leaves out: staff
    have waived them or decided on them. One about refusals is for the days that these
    give time to. `rolled` says until when, and since when the period is late.
    """

    row: Reminder
    view: PeriodView
    tenant: Tenant
    flag: LateFlag | None
    rolled: PeriodSummary | None
    settled: frozenset[str]
    at: datetime


def compose(case: ReminderCase, *, name: str) -> WrittenMail:
    """Write a reminder; `name` is the person's, empty if only an address is known."""
    row, view, tenant, at = case.row, case.view, case.tenant, case.at
    asked = asked_for(view.judgement.calendar, case.settled)
    lacks = calendar_table.missing_entries(asked)
    is_refused = row.refused_until is not None
    is_late = view.judgement.standing is Standing.LATE and not is_refused
    its_ends = _ends(case, asked)
    before = view.period.target_on + timedelta(days=1)
    shown = {
        "tenant": tenant,
        "period": view.period,
        "name": name,
        "lacks": lacks[:_NAMED],
        "more": max(len(lacks) - _NAMED, 0),
        "answer": _answer(asked),
        "please": _please(before, zone_named(view.zone), is_late=is_late, at=at),
        "span": period_text.span_of(view),
        "zone": view.zone,
        "is_late": is_late,
        "is_past": at >= view.deadline_at,
        "is_refused": is_refused,
        "refusals": _refusals(view.period, its_ends),
        "counts_from": its_ends[0] if its_ends else _counts_from(case, is_late=is_late),
        "count_from_several": len(its_ends) > 1,
        "is_last": row.step == LAST,
        "is_escalated": not name,
    }
    message = mail_message.build_message("reminder", to=row.recipient, shown=shown)
    message_id = message_id_of(row)
    message.extra_headers["Message-ID"] = message_id
    return WrittenMail(message, message_id)


@dataclass(frozen=True, slots=True)
class RefusedItem:
    """What we have refused, and the reason that staff gave."""

    what: str
    reason: str


def grace_days(rolled: PeriodSummary | None, *, at: datetime) -> dict[str, datetime]:
    """Return the server-days that what was refused gives time to, until when each."""
    if rolled is None:
        return {}
    days = zip(rolled.graced, rolled.graced_until, strict=True)
    return {day: until for day, until in days if until > at}


def _ends(case: ReminderCase, asked: Calendar) -> list[datetime]:
    """Return the ends of what a mail about refusals asks for, the first one first."""
    if case.row.refused_until is None:
        return []
    ends = grace_days(case.rolled, at=case.at)
    days = (f"{day} {server}" for server, day in asked.cells)
    found = {ends[day] for day in days if day in ends}
    return sorted(found) or [case.row.refused_until]


def _counts_from(case: ReminderCase, *, is_late: bool) -> datetime:
    """Return the deadline, or since when it is late: that may be after a refusal."""
    late_from = case.rolled.late_from if case.rolled and is_late else None
    return late_from or case.view.deadline_at


def _refusals(period: Period, its_ends: Collection[datetime]) -> list[RefusedItem]:
    """Return the first few of what was refused and gives time until some instants."""
    if not its_ends:
        return []
    its = {"decided_at__in": [until - GRACE for until in its_ends]}
    excuses = Excuse.objects.filter(decision=Decision.REFUSED, **its)
    files = UsageFile.objects.filter(state=FileState.REFUSED, **its)
    found = [
        RefusedItem(_excuse_words(one), one.decision_reason)
        for one in excuses.select_related("server").order_by("decided_at", "pk")
        # Several can be refused at one instant, also of another period.
        if not one.days or any(day in period for day in one.days)
    ]
    found += [
        RefusedItem(gettext("File %(name)s") % {"name": one.name}, one.decision_reason)
        for one in files.order_by("decided_at", "pk")
        if one.day is None or one.day in period
    ]
    return [
        RefusedItem(*map(_one_line, (one.what, one.reason))) for one in found[:_NAMED]
    ]


def _excuse_words(one: Excuse) -> str:
    if one.first_sequence is not None and one.last_sequence is not None:
        what = calendar_table.numbers_text(one.first_sequence, one.last_sequence)
    else:
        what = calendar_table.days_text(one.days)
    return gettext("Excuse for %(server)s, %(what)s") % {
        "server": one.server.name,
        "what": what,
    }


def _one_line(text: str) -> str:
    return " ".join(text.split())


def asked_for(calendar: Calendar, settled: Collection[str]) -> Calendar:
    """Return of a calendar only the days that a mail asks for.

    No faults of automated upload, nothing that waits for us, no day that is settled.
    """
    cells = {
        (server, day): cell
        for (server, day), cell in calendar.cells.items()
        if cell.state in UNCOVERED
        and cell.mode is Mode.MANUAL
        and f"{day} {server}" not in settled
    }
    gaps = tuple(
        gap
        for gap in calendar.missing_files
        if any(
            server == gap.server and gap.from_day <= day <= gap.to_day
            for server, day in cells
        )
    )
    return replace(calendar, cells=cells, missing_files=gaps)


def _answer(asked: Calendar) -> str:
    if asked.lacks_servers:
        return gettext("No server has sent anything yet.")
    count = len(asked.cells)
    return ngettext(
        "%(count)d server-day is missing.", "%(count)d server-days are missing.", count
    ) % {"count": count}


def _please(before: date, zone: tzinfo, *, is_late: bool, at: datetime) -> str:
    if is_late:
        return gettext("Please upload now: this period is late.")
    if at.astimezone(zone).date() >= before:
        return gettext("Please upload now.")
    return gettext("Please upload before %(day)s.") % {"day": short_day(before)}


def message_id_of(row: Reminder) -> str:
    """Return the same name for the same mail, whenever and wherever it is written."""
    about = [str(row.tenant_id), row.recipient, row.period, row.step]
    if row.extended_to is not None:
        about.append(row.extended_to.astimezone(UTC).isoformat())
    return mail_message.message_id_for("reminder", *about)
