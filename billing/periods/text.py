"""Texts of a tenant's standing in a period, for the home tile and the upload page."""

from collections.abc import Mapping
from dataclasses import dataclass, fields
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

from django.utils.formats import date_format
from django.utils.translation import gettext, gettext_noop, ngettext

from billing.coverage.periods import Period, day_ends_at
from billing.coverage.standing import Standing
from billing.coverage.summary import SummaryNumbers
from billing.coverage.turns import Turn
from billing.periods.headline import (
    Headline,
    Reader,
    due_text,
    headline,
    late_from_text,
    span_text,
)
from billing.periods.queries import PeriodView, other_late_periods
from portal.accounts.caller import Caller, Permission
from portal.templatetags.shown import day as day_text
from portal.templatetags.shown import grouped

# In months.
_A_YEAR = 12

# Shape and name of each standing.
STANDINGS: Mapping[Standing, tuple[str, str]] = {
    Standing.NOTHING_OWED: ("silent", gettext_noop("Nothing owed")),
    Standing.OPEN: ("pending", gettext_noop("Open")),
    Standing.COMPLETE: ("received", gettext_noop("Complete")),
    Standing.INCOMPLETE: ("partial", gettext_noop("Incomplete")),
    Standing.LATE: ("missing", gettext_noop("Late")),
    Standing.COMPLETED_LATE: ("late-done", gettext_noop("Completed late")),
}


COMPLETE = (Standing.COMPLETE, Standing.COMPLETED_LATE)


@dataclass(frozen=True, slots=True)
class PeriodDate:
    """One date in the timeline of a period; `is_now` for the present instant."""

    name: str
    when: str
    is_past: bool
    is_now: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class PeriodText(Headline):
    """The texts above the calendar of a period, its headline among them.

    `phase` selects the sentence about its dates; `remaining` is the time to the due
    instant, empty once it has passed; `extended` is
    empty where staff have not moved the deadline.
    """

    mark: str
    standing: str
    is_complete: bool
    phase: str
    span: str
    due: str
    late_from: str
    remaining: str
    extended: str
    stops: list[PeriodDate]


@dataclass(frozen=True, slots=True)
class OtherLateLine:
    """Another period that is late: its days, and what is missing in it."""

    period: Period
    span: str
    missing: str


def other_late_lines(shown: Period, *, at: datetime) -> list[OtherLateLine]:
    """List the late periods besides the one shown; see `queries.other_late_periods`."""
    return [
        other_late_line(one.period, beside=shown, missing=one.missing)
        for one in other_late_periods(shown, at=at)
    ]


def other_late_line(period: Period, *, beside: Period, missing: int) -> OtherLateLine:
    """Return the line about a late period, shown or mailed beside another one.

    It names the year if the periods are a year or more apart: both can have the same
    days and months.
    """
    text = ngettext(
        "%(count)s server-day missing", "%(count)s server-days missing", missing
    )
    span = span_text(period)
    months = (beside.year - period.year) * _A_YEAR + beside.month - period.month
    if abs(months) >= _A_YEAR:
        span = f"{span} {period.ends_on.year}"
    return OtherLateLine(period, span, text % {"count": grouped(missing)})


def reader_of(caller: Caller) -> Reader:
    """Return how sentences address a person or token of a tenant."""
    is_admin = Permission.MANAGE in caller.permissions
    return Reader.ADMIN if is_admin else Reader.MEMBER


def badge(
    standing: Standing, *, turn: Turn, is_waived: bool = False
) -> tuple[str, str]:
    """Return shape and name; the shape also shows when the tenant cannot act."""
    if is_waived:
        return "excused", gettext("Late, waived")
    mark, name = STANDINGS[standing]
    is_unfinished = standing in (Standing.LATE, Standing.INCOMPLETE)
    if is_unfinished and turn in (Turn.STAFF, Turn.PORTAL):
        mark = "with-us"
    return mark, gettext(name)


def period_text(
    view: PeriodView, *, at: datetime, reader: Reader = Reader.MEMBER
) -> PeriodText:
    """Return the texts above a period, for one kind of reader."""
    head = headline(view, at=at, reader=reader)
    mark, name = badge(
        view.judgement.standing, turn=head.turn, is_waived=view.is_waived
    )
    return PeriodText(
        **{one.name: getattr(head, one.name) for one in fields(Headline)},
        mark=mark,
        standing=name,
        is_complete=view.judgement.standing in COMPLETE,
        phase=_phase(view, head, at=at),
        span=span_text(view.period),
        due=due_text(view.period),
        late_from=late_from_text(view.deadline_at, view.zone),
        remaining=remaining(view.due_at - at) if view.due_at > at else "",
        extended=_extended(view),
        stops=_stops(view, at=at),
    )


def waiting_text(numbers: SummaryNumbers) -> str:
    """Name faults and server-days that wait, beside the number of missing ones.

    Faults are days of automated upload. Empty where there are neither.
    """
    parts = []
    if numbers.faults:
        text = ngettext("%(count)d fault", "%(count)d faults", numbers.faults)
        parts.append(text % {"count": numbers.faults})
    if numbers.with_us:
        parts.append(gettext("%(count)d waiting") % {"count": numbers.with_us})
    return ", ".join(parts)


def covered_text(view: PeriodView) -> str:
    """Return the days of a period, and how many server-days of it are covered."""
    calendar = view.judgement.calendar
    text = gettext("%(span)s, %(covered)d of %(owed)d server-days covered")
    return text % {
        "span": span_text(view.period),
        "covered": calendar.covered,
        "owed": calendar.owed,
    }


def month_text(period: Period) -> str:
    """Name a period by the month in which it ends: May 2026."""
    return date_format(period.ends_on, "F Y")


def remaining(left: timedelta) -> str:
    """Return the time left as text, in the two largest units that matter."""
    days, hours = left.days, left.seconds // 3600
    if days:
        text = ngettext("%(count)d day", "%(count)d days", days) % {"count": days}
        if hours:
            more = ngettext("%(count)d hour", "%(count)d hours", hours)
            text = f"{text} {more % {'count': hours}}"
        return text
    minutes = left.seconds // 60 % 60
    text = ngettext("%(count)d minute", "%(count)d minutes", minutes)
    text %= {"count": minutes}
    if hours:
        first = ngettext("%(count)d hour", "%(count)d hours", hours)
        text = f"{first % {'count': hours}} {text}"
    return text


def _phase(view: PeriodView, head: Headline, *, at: datetime) -> str:
    """Return which dates of the period matter now, as the template names them."""
    if head.turn is Turn.NOBODY and view.judgement.standing is not Standing.OPEN:
        return "done"
    if at < view.due_at:
        return "before-due"
    if view.judgement.standing is Standing.LATE:
        return "late"
    if at < view.deadline_at or view.late_next_at is not None:
        return "overdue"
    return "not-late"


def _stops(view: PeriodView, *, at: datetime) -> list[PeriodDate]:
    zone = ZoneInfo(view.zone)
    period = view.period
    starts_at = day_ends_at(period.starts_on - timedelta(days=1), zone)
    ends_at = day_ends_at(period.ends_on, zone)
    dates = [
        (starts_at, gettext("Period begins"), day_text(period.starts_on)),
        (ends_at, gettext("Period ends"), day_text(period.ends_on)),
        (view.due_at, gettext("Due"), due_text(period)),
        (
            view.deadline_at,
            gettext("Late from"),
            late_from_text(view.deadline_at, view.zone),
        ),
    ]
    stops = [
        PeriodDate(name, when, is_past=instant <= at) for instant, name, when in dates
    ]
    now = PeriodDate(
        gettext("Now"), late_from_text(at, view.zone), is_past=False, is_now=True
    )
    past = sum(stop.is_past for stop in stops)
    return [*stops[:past], now, *stops[past:]]


def _extended(view: PeriodView) -> str:
    if view.extended_to is None:
        return ""
    text = gettext("Extended by the billing team: late from %(when)s.")
    return text % {"when": late_from_text(view.extended_to, view.zone)}
