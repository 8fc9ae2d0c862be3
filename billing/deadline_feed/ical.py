"""Renders a tenant's deadlines as an iCalendar feed (RFC 5545).

It has both readings of each period's deadline, as instants in UTC, or a single event if
nothing is left to upload. Beside the customer's number it has no name, no server and no
count: an address that goes astray discloses nothing else.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from django.utils.crypto import salted_hmac
from django.utils.translation import gettext, gettext_noop

from billing.coverage.periods import Period, day_ends_at, zone_named
from billing.coverage.standing import Standing
from billing.coverage.summary import standing_at
from billing.models import TenantPeriod
from billing.periods import summary_queries
from billing.periods.queries import deadline_of
from portal.models import Tenant
from portal.templatetags.shown import short_day

# Opened periods in the feed: one year.
_PAST = 12

# Periods after the running one, for planning ahead.
_NEXT = 3

# Most bytes of a line by RFC 5545; a longer line continues after a space.
_LINE = 75


# Texts for periods with nothing left to upload.
_DONE: Mapping[Standing, str] = {
    Standing.COMPLETE: gettext_noop("everything is here"),
    Standing.COMPLETED_LATE: gettext_noop("everything is here"),
    Standing.NOTHING_OWED: gettext_noop("nothing is owed"),
}


@dataclass(frozen=True, slots=True)
class FeedEvent:
    """One date of a period; `uid` is the same in each request."""

    uid: str
    at: datetime
    summary: str


@dataclass(frozen=True, slots=True, kw_only=True)
class _Dates:
    """A period in the feed; `standing` None if it has not opened."""

    period: Period
    zone: str
    deadline_at: datetime
    standing: Standing | None = None


def feed_events(*, at: datetime) -> list[FeedEvent]:
    """Return the dates of opened and coming periods, in the tenant's unit of work."""
    tenant = Tenant.objects.get()
    opened = list(TenantPeriod.objects.order_by("-period")[:_PAST])
    standings = _standings(tenant, opened, at=at)
    found = [
        _Dates(
            period=Period.parse(row.period),
            zone=row.zone,
            deadline_at=row.effective_at,
            standing=standings.get(row.period),
        )
        for row in opened
    ]
    today = at.astimezone(zone_named(tenant.zone)).date()
    period = Period.containing(today)
    for _ in range(_NEXT + 1):
        if not any(period == one.period for one in found):
            deadline_at = deadline_of(tenant.zone, period)
            found.append(
                _Dates(period=period, zone=tenant.zone, deadline_at=deadline_at)
            )
        period = period.next()
    # The salt keeps its first value: subscribed calendars know their events by the uid.
    mark = salted_hmac("billing.calendar_feed", str(tenant.pk)).hexdigest()[:20]
    return [
        FeedEvent(f"{kind}-{one.period}-{mark}", when, f"{tenant.number}, {text}")
        for one in sorted(found, key=lambda one: one.deadline_at)
        for kind, when, text in _events_of(one, at=at)
    ]


def ical_text(found: list[FeedEvent], *, at: datetime) -> str:
    """Render a calendar; `at` is the instant of the request."""
    lines = [
        "BEGIN:VCALENDAR",
        "VERSION:2.0",
        "PRODID:-//Usage Portal//Deadlines//EN",
        "CALSCALE:GREGORIAN",
        "METHOD:PUBLISH",
        f"X-WR-CALNAME:{_escaped(gettext('Usage files'))}",
        "REFRESH-INTERVAL;VALUE=DURATION:PT6H",
        "X-PUBLISHED-TTL:PT6H",
    ]
    for event in found:
        lines += [
            "BEGIN:VEVENT",
            f"UID:{event.uid}",
            f"DTSTAMP:{_instant(at)}",
            f"DTSTART:{_instant(event.at)}",
            f"SUMMARY:{_escaped(event.summary)}",
            "TRANSP:TRANSPARENT",
            "END:VEVENT",
        ]
    lines.append("END:VCALENDAR")
    return "".join(f"{part}\r\n" for line in lines for part in _folded(line))


def _standings(
    tenant: Tenant, opened: list[TenantPeriod], *, at: datetime
) -> dict[str, Standing]:
    """Return the standings of opened periods at `at`; a few queries."""
    found = summary_queries.current_summaries(tenant, opened)
    return {
        row.period: standing_at(found[row.period], deadline_at=row.effective_at, at=at)
        for row in opened
    }


def _events_of(one: _Dates, *, at: datetime) -> Iterator[tuple[str, datetime, str]]:
    """Yield the dates of a period as kind, instant and words that are true at `at`."""
    span = gettext("usage files for %(first)s to %(last)s") % {
        "first": short_day(one.period.starts_on),
        "last": short_day(one.period.ends_on),
    }
    before = short_day(one.period.target_on + timedelta(days=1))
    target_at = day_ends_at(one.period.target_on, zone_named(one.zone))
    if one.standing is not None and one.standing in _DONE:
        done = {"span": span, "standing": gettext(_DONE[one.standing])}
        yield "target", target_at, gettext("%(span)s: %(standing)s") % done
        return
    upload_by = gettext("%(span)s: please upload before %(day)s")
    yield "target", target_at, upload_by % {"span": span, "day": before}
    # After the deadline, a period that waits only for the billing team is not late.
    if at < one.deadline_at or one.standing is Standing.LATE:
        late = gettext("%(span)s: late from now on")
        yield "late", one.deadline_at, late % {"span": span}


def _instant(at: datetime) -> str:
    return f"{at.astimezone(UTC):%Y%m%dT%H%M%SZ}"


def _escaped(text: str) -> str:
    for character in ("\\", ";", ","):
        text = text.replace(character, f"\\{character}")
    return text.replace("\n", "\\n")


def _folded(line: str) -> Iterator[str]:
    """Yield the parts of a line, none of them over 75 bytes, no character split."""
    part, size = "", 0
    for character in line:
        length = len(character.encode())
        if size + length > _LINE:
            yield part
            part, size = " ", 1
        part, size = part + character, size + length
    yield part
