"""Texts of a tenant's standing in a period, for the home tile and the upload page."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

from django.utils.formats import date_format
from django.utils.translation import gettext, gettext_noop, ngettext

from billing.coverage.periods import Period, day_ends_at
from billing.coverage.standing import Standing
from billing.periods import queries as period_queries
from billing.periods.queries import PeriodView
from portal.templatetags.shown import day as day_text
from portal.templatetags.shown import short_day

# Shape and name of each standing.
STANDINGS: Mapping[Standing, tuple[str, str]] = {
    Standing.NOTHING_OWED: ("silent", gettext_noop("Nothing owed")),
    Standing.OPEN: ("pending", gettext_noop("Open")),
    Standing.COMPLETE: ("received", gettext_noop("Complete")),
    Standing.INCOMPLETE: ("partial", gettext_noop("Incomplete")),
    Standing.LATE: ("missing", gettext_noop("Late")),
    Standing.COMPLETED_LATE: ("late-done", gettext_noop("Completed late")),
}


@dataclass(frozen=True, slots=True)
class PeriodDate:
    """One date in the timeline of a period; `is_now` for the present instant."""

    name: str
    when: str
    is_past: bool
    is_now: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class PeriodText:
    """The texts above the calendar of a period.

    `extended` is empty where staff have not moved the deadline.
    """

    answer: str
    please: str
    mark: str
    standing: str
    is_alarming: bool
    span: str
    remaining: str
    extended: str
    target_at: datetime
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
        OtherLateLine(
            one.period,
            span_text(one.period),
            ngettext(
                "%(count)d server-day missing",
                "%(count)d server-days missing",
                one.missing,
            )
            % {"count": one.missing},
        )
        for one in period_queries.other_late_periods(shown, at=at)
    ]


def badge(standing: Standing, *, may_be_sent: bool) -> tuple[str, str]:
    """Return shape and name; the shape also shows when only we can act."""
    mark, name = STANDINGS[standing]
    if standing in (Standing.LATE, Standing.INCOMPLETE) and not may_be_sent:
        mark = "with-us"
    return mark, gettext(name)


def period_text(view: PeriodView, *, at: datetime) -> PeriodText:
    zone = ZoneInfo(view.zone)
    target_at = day_ends_at(view.period.target_on, zone)
    standing = view.judgement.standing
    is_late = standing is Standing.LATE and not view.is_waived
    mark, name = badge(standing, may_be_sent=_may_be_sent(view))
    if view.is_waived:
        mark, name = "excused", gettext("Late, waived")
    return PeriodText(
        answer=_answer(view),
        please=_please(view, is_before_target=at < target_at),
        mark=mark,
        standing=name,
        # Only where the tenant has to act: what waits for us is no alarm for it.
        is_alarming=is_late and _may_be_sent(view),
        span=span_of(view),
        remaining=remaining(target_at - at) if target_at > at else "",
        extended=_extended(view, zone),
        target_at=target_at,
        stops=_stops(view, at=at, target_at=target_at),
    )


def span_of(view: PeriodView) -> str:
    return span_text(view.period)


def span_text(period: Period) -> str:
    """Name a period by its days: 28 April to 27 May."""
    return gettext("%(first)s to %(last)s") % {
        "first": short_day(period.starts_on),
        "last": short_day(period.ends_on),
    }


def month_text(period: Period) -> str:
    """Name a period by the month in which it ends: May 2026."""
    return date_format(period.ends_on, "F Y")


def _answer(view: PeriodView) -> str:
    calendar, standing = view.judgement.calendar, view.judgement.standing
    missing, faults = calendar.counts.missing - calendar.faults, calendar.faults
    if standing is Standing.NOTHING_OWED:
        return gettext("Nothing is owed for this period.")
    if calendar.lacks_servers:
        return gettext("No server has sent anything yet.")
    if missing:
        return ngettext(
            "%(count)d server-day is missing.",
            "%(count)d server-days are missing.",
            missing,
        ) % {"count": missing}
    return _nothing_to_upload(standing, faults)


def _nothing_to_upload(standing: Standing, faults: int) -> str:
    """Return the sentence for a period in which the tenant has nothing to upload."""
    if faults:
        return ngettext(
            "%(count)d server-day of automated upload has not come.",
            "%(count)d server-days of automated upload have not come.",
            faults,
        ) % {"count": faults}
    if standing in (Standing.COMPLETE, Standing.COMPLETED_LATE):
        return gettext("Everything is here.")
    if standing is Standing.OPEN:
        return gettext("Everything up to now is here.")
    return gettext("Nothing is missing that you could send; the rest waits for us.")


def _may_be_sent(view: PeriodView) -> bool:
    calendar = view.judgement.calendar
    return calendar.counts.missing > calendar.faults or calendar.lacks_servers


def _please(view: PeriodView, *, is_before_target: bool) -> str:
    if not _may_be_sent(view):
        if view.judgement.calendar.faults:
            return gettext("Nothing of it is counted against you.")
        return ""
    if view.judgement.standing is Standing.LATE:
        if view.is_waived:
            return gettext("The billing staff have waived it.")
        return gettext("Please upload now: this period is late.")
    if not is_before_target:
        return gettext("Please upload now.")
    # "before 4 June": the day after the target.
    before = view.period.target_on + timedelta(days=1)
    return gettext("Please upload before %(day)s.") % {"day": short_day(before)}


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


def _stops(view: PeriodView, *, at: datetime, target_at: datetime) -> list[PeriodDate]:
    zone = ZoneInfo(view.zone)
    period = view.period
    starts_at = day_ends_at(period.starts_on - timedelta(days=1), zone)
    ends_at = day_ends_at(period.ends_on, zone)
    dates = [
        (starts_at, gettext("Period begins"), day_text(period.starts_on)),
        (ends_at, gettext("Period ends"), day_text(period.ends_on)),
        (
            target_at,
            gettext("Everything should be here"),
            gettext("end of %(day)s") % {"day": day_text(period.target_on)},
        ),
        (view.deadline_at, gettext("Late from"), _clock(view.deadline_at, zone)),
    ]
    stops = [
        PeriodDate(name, when, is_past=instant <= at) for instant, name, when in dates
    ]
    now = PeriodDate(gettext("Now"), _clock(at, zone), is_past=False, is_now=True)
    past = sum(stop.is_past for stop in stops)
    return [*stops[:past], now, *stops[past:]]


def _extended(view: PeriodView, zone: ZoneInfo) -> str:
    if view.extended_to is None:
        return ""
    # The deadline is the midnight that ends the last day that is on time.
    last = (view.extended_to - timedelta(seconds=1)).astimezone(zone).date()
    text = gettext("Extended to %(day)s by the billing staff.")
    return text % {"day": day_text(last)}


def _clock(at: datetime, zone: ZoneInfo) -> str:
    local = at.astimezone(zone)
    return f"{day_text(local.date())}, {local:%H:%M}"
