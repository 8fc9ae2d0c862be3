"""Composes reminder mails: what is missing, by when, and where to upload it."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime

from django.utils.translation import gettext, ngettext

from billing.calendar_view import table as calendar_table
from billing.coverage.calendar import Calendar
from billing.coverage.cells import UNCOVERED
from billing.coverage.facts import Mode
from billing.coverage.periods import Period, day_ends_at, zone_named
from billing.coverage.reminder_dates import LAST
from billing.coverage.standing import GRACE, Standing
from billing.coverage.summary import Summary, late_since
from billing.models import Excuse, LateFlag, Reminder
from billing.periods.headline import span_text
from billing.periods.queries import PeriodView
from billing.periods.text import OtherLateLine, other_late_line
from portal.approvals import Decision
from portal.mail import message as mail_message
from portal.mail.outbox import WrittenMail
from portal.models import Tenant
from portal.templatetags.shown import day as day_text
from portal.templatetags.shown import grouped
from portal.typed_text.clean import isolated
from usage.models import FileState, UsageFile

# Entries that a mail lists; it counts the others. Short on a phone.
_NAMED = 30


@dataclass(frozen=True, slots=True)
class ReminderFacts:
    """A reminder and the facts that its text is composed from, at sending time.

    `excluded` are the server-days, in the notation of a late flag, that the mail leaves
    out: staff have waived them or decided on them. A mail about refusals is only about
    the days that the refusals give more time for. `summary` has the end of that time,
    and the instant from which the period is late.
    """

    row: Reminder
    view: PeriodView
    tenant: Tenant
    flag: LateFlag | None
    summary: Summary | None
    excluded: frozenset[str]
    at: datetime


def compose(
    facts: ReminderFacts, also_late: Sequence[ReminderFacts] = (), *, name: str
) -> WrittenMail:
    """Compose a reminder; `name` is the recipient's, empty for a bare address.

    `also_late` are other late periods; the mail names them first, as pages do.
    """
    row, view, tenant, at = facts.row, facts.view, facts.tenant, facts.at
    requested = requested_days(view.judgement.calendar, facts.excluded)
    lacks = calendar_table.missing_entries(requested)
    is_refused = row.refused_until is not None
    is_late = view.judgement.standing is Standing.LATE and not is_refused
    grace_ends = _grace_ends(facts, requested)
    shown = {
        "tenant": tenant,
        "period": view.period,
        "name": name,
        "also_late": [_late_line(one, beside=view.period) for one in also_late],
        "lacks": lacks[:_NAMED],
        "more": max(len(lacks) - _NAMED, 0),
        "answer": missing_text(requested),
        "please": _request_text(view, is_late=is_late, at=at),
        "due_on": view.period.target_on,
        "span": span_text(view.period),
        "zone": view.zone,
        "is_late": is_late,
        "is_past": at >= view.deadline_at,
        "is_refused": is_refused,
        "refusals": _refusals(view.period, grace_ends),
        "counts_from": grace_ends[0]
        if grace_ends
        else counts_from(facts, is_late=is_late),
        "count_from_several": len(grace_ends) > 1,
        "is_last": row.step == LAST,
        "is_escalated": not name,
    }
    return build_mail("reminder", row, shown)


def _late_line(facts: ReminderFacts, *, beside: Period) -> OtherLateLine:
    requested = requested_days(facts.view.judgement.calendar, facts.excluded)
    missing = len(requested.cells)
    return other_late_line(facts.view.period, beside=beside, missing=missing)


def build_mail(name: str, row: Reminder, shown: Mapping[str, object]) -> WrittenMail:
    """Build the mail of a row from the templates of this name."""
    # The contact for late mails is no member, and has no page to stop them.
    stop_page = "" if shown["is_escalated"] else "people-page"
    message = mail_message.build_message(
        name, to=row.recipient, shown=shown, stop_page=stop_page
    )
    message_id = message_id_of(row)
    message.extra_headers["Message-ID"] = message_id
    return WrittenMail(message, message_id)


@dataclass(frozen=True, slots=True)
class RefusedItem:
    """A refused excuse or file, with the reason that staff gave."""

    what: str
    reason: str


def grace_days(summary: Summary | None, *, at: datetime) -> dict[str, datetime]:
    """Return the server-days that refusals give more time for, each with its end."""
    if summary is None:
        return {}
    days = zip(summary.graced, summary.graced_until, strict=True)
    return {day: until for day, until in days if until > at}


def _grace_ends(facts: ReminderFacts, requested: Calendar) -> list[datetime]:
    """Return when the extra time of a mail about refusals ends, earliest first."""
    if facts.row.refused_until is None:
        return []
    ends = grace_days(facts.summary, at=facts.at)
    days = (f"{day} {server}" for server, day in requested.cells)
    found = {ends[day] for day in days if day in ends}
    return sorted(found) or [facts.row.refused_until]


def counts_from(facts: ReminderFacts, *, is_late: bool) -> datetime:
    """Return the deadline, or when lateness began, which a refusal can put off."""
    deadline_at = facts.view.deadline_at
    if facts.summary is None or not is_late:
        return deadline_at
    return late_since(facts.summary, deadline_at=deadline_at) or deadline_at


def _refusals(period: Period, grace_ends: Collection[datetime]) -> list[RefusedItem]:
    """Return the first few refusals that give extra time until these instants."""
    if not grace_ends:
        return []
    decided = {"decided_at__in": [until - GRACE for until in grace_ends]}
    excuses = Excuse.objects.filter(decision=Decision.REFUSED, **decided)
    files = UsageFile.objects.filter(state=FileState.REFUSED, **decided)
    found = [
        RefusedItem(_excuse_text(one), one.decision_reason)
        for one in excuses.select_related("server").order_by("decided_at", "pk")
        # Several excuses, also of another period, can be refused at one instant.
        if not one.days or any(day in period for day in one.days)
    ]
    found += [
        RefusedItem(
            gettext("File %(name)s") % {"name": isolated(one.name)}, one.decision_reason
        )
        for one in files.order_by("decided_at", "pk")
        if one.day is None or one.day in period
    ]
    return [
        RefusedItem(*map(_one_line, (one.what, one.reason))) for one in found[:_NAMED]
    ]


def _excuse_text(one: Excuse) -> str:
    if one.first_sequence is not None and one.last_sequence is not None:
        what = calendar_table.numbers_text(one.first_sequence, one.last_sequence)
    else:
        what = calendar_table.days_text(one.days)
    return gettext("Excuse for %(server)s, %(what)s") % {
        "server": isolated(one.server.name),
        "what": what,
    }


def _one_line(text: str) -> str:
    return " ".join(text.split())


def requested_days(calendar: Calendar, excluded: Collection[str]) -> Calendar:
    """Return the calendar reduced to the days that a mail asks the tenant to upload.

    Without faults of automated upload, without days that wait for the billing team, and
    without the excluded days.
    """
    cells = {
        (server, day): cell
        for (server, day), cell in calendar.cells.items()
        if cell.state in UNCOVERED
        and cell.mode is Mode.MANUAL
        and f"{day} {server}" not in excluded
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


def missing_text(requested: Calendar) -> str:
    """Return a sentence that counts the requested days."""
    if requested.lacks_servers:
        return gettext("No server has sent a file yet.")
    count = len(requested.cells)
    return ngettext(
        "%(count)s server-day is missing.", "%(count)s server-days are missing.", count
    ) % {"count": grouped(count)}


def _request_text(view: PeriodView, *, is_late: bool, at: datetime) -> str:
    if is_late:
        return gettext("Please upload now: this period is late.")
    if at >= day_ends_at(view.period.target_on, zone_named(view.zone)):
        return gettext("Please upload now.")
    due_on = day_text(view.period.target_on)
    return gettext("Due by the end of %(day)s.") % {"day": due_on}


def message_id_of(row: Reminder) -> str:
    """Return a Message-ID that is the same each time the same mail is composed."""
    about = [str(row.tenant_id), row.recipient, row.period, row.step]
    if row.extended_to is not None:
        about.append(row.extended_to.astimezone(UTC).isoformat())
    return mail_message.message_id_for("reminder", *about)
