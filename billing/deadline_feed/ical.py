"""Renders a tenant's deadlines as an iCalendar feed (RFC 5545).

The due day of a period is an all-day event, with alarms at nine in the reader's zone on
the day before and on the day itself. The instant from which a period is late is an
event in UTC. A period with nothing left to upload has only the first event, without
alarms. Apart from the customer number the feed contains no name, no server and no
count: a feed address that leaks discloses nothing else.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, timedelta

from django.utils.crypto import salted_hmac
from django.utils.translation import gettext, gettext_noop

from billing.coverage.facts import Mode
from billing.coverage.licences import mode_on
from billing.coverage.periods import Period, zone_named
from billing.coverage.standing import Standing
from billing.coverage.summary import Summary, standing_at
from billing.models import LicenceChange, TenantPeriod
from billing.periods import summary_queries
from billing.periods.queries import deadline_of
from portal.models import Tenant
from portal.templatetags.shown import day, instant_text, short_day
from usage.usg.characters import cleaned

# Opened periods in the feed: one year.
_PAST = 12

# Periods after the running one, for planning ahead.
_NEXT = 3

# Most bytes of a line by RFC 5545; a longer line continues after a space.
_LINE = 75

# Alarms of an all-day event, relative to its first midnight: at nine on the day before,
# and on the day.
_ALARMS = ("-PT15H", "PT9H")

# Texts for periods with nothing left to upload.
_DONE: Mapping[Standing, str] = {
    Standing.COMPLETE: gettext_noop("everything is here"),
    Standing.COMPLETED_LATE: gettext_noop("everything is here"),
    Standing.NOTHING_OWED: gettext_noop("nothing is owed"),
}


@dataclass(frozen=True, slots=True)
class FeedEvent:
    """One date of a period; `uid` is the same in each request.

    `at` is a day for an all-day event. Only such an event can have alarms.
    """

    uid: str
    at: datetime | date
    summary: str
    description: str = ""
    has_alarms: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class _Dates:
    """A period in the feed; `standing` None if it has not opened.

    `may_upload`: the tenant has, or will have, something to upload in it.
    """

    period: Period
    zone: str
    deadline_at: datetime
    may_upload: bool
    standing: Standing | None = None


def feed_events(*, at: datetime) -> list[FeedEvent]:
    """Return the dates of opened and coming periods, in the tenant's unit of work."""
    tenant = Tenant.objects.get()
    opened = list(TenantPeriod.objects.order_by("-period")[:_PAST])
    summaries = summary_queries.current_summaries(tenant, opened)
    found = [_opened_dates(row, summaries[row.period], at=at) for row in opened]
    changes = list(LicenceChange.objects.values_list("from_on", "keys"))
    today = at.astimezone(zone_named(tenant.zone)).date()
    period = Period.containing(today)
    for _ in range(_NEXT + 1):
        if not any(period == one.period for one in found):
            deadline_at = deadline_of(tenant.zone, period)
            mode = mode_on(changes, period.ends_on)
            found.append(
                _Dates(
                    period=period,
                    zone=tenant.zone,
                    deadline_at=deadline_at,
                    may_upload=mode is Mode.MANUAL,
                )
            )
        period = period.next()
    # The salt keeps its first value: subscribed calendars know their events by the uid.
    mark = salted_hmac("billing.calendar_feed", str(tenant.pk)).hexdigest()[:20]
    number = cleaned(tenant.number)
    return [
        replace(
            event,
            uid=f"{event.uid}-{one.period}-{mark}",
            summary=f"{number}, {event.summary}",
        )
        for one in sorted(found, key=lambda one: one.deadline_at)
        for event in _events_of(one, at=at)
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
        lines += _event_lines(event, at=at)
    lines.append("END:VCALENDAR")
    return "".join(f"{part}\r\n" for line in lines for part in _folded(line))


def _opened_dates(row: TenantPeriod, found: Summary, *, at: datetime) -> _Dates:
    """Return the dates of an opened period.

    Days that are not over yet are among the missing ones of a summary, so that a period
    that only waits for the billing team, or has faults only, has none.
    """
    return _Dates(
        period=Period.parse(row.period),
        zone=row.zone,
        deadline_at=row.effective_at,
        may_upload=bool(found.missing_from) or found.lacks_servers,
        standing=standing_at(found, deadline_at=row.effective_at, at=at),
    )


def _events_of(one: _Dates, *, at: datetime) -> Iterator[FeedEvent]:
    """Yield the dates of a period, with texts that are true at `at` and short uids."""
    due_on = one.period.target_on
    span = gettext("usage files for %(first)s to %(last)s") % {
        "first": short_day(one.period.starts_on),
        "last": short_day(one.period.ends_on),
    }
    if one.standing is not None and one.standing in _DONE:
        done = {"span": span, "standing": gettext(_DONE[one.standing])}
        summary = gettext("%(span)s: %(standing)s") % done
        yield FeedEvent("target", due_on, summary)
        return
    due = gettext("%(span)s: due by the end of %(day)s")
    dates = gettext("Due by the end of %(day)s. Late from %(at)s.") % {
        "day": day(due_on),
        "at": instant_text(one.deadline_at, one.zone),
    }
    is_over = at.astimezone(zone_named(one.zone)).date() > due_on
    yield FeedEvent(
        "target",
        due_on,
        due % {"span": span, "day": day(due_on)},
        description=dates,
        has_alarms=one.may_upload and not is_over,
    )
    # After the deadline, a period that waits only for the billing team is not late.
    if at < one.deadline_at or one.standing is Standing.LATE:
        local = one.deadline_at.astimezone(zone_named(one.zone))
        late = gettext("%(span)s: late from %(day)s, %(time)s") % {
            "span": span,
            "day": day(local.date()),
            "time": f"{local:%H:%M}",
        }
        yield FeedEvent("late", one.deadline_at, late, description=dates)


def _event_lines(event: FeedEvent, *, at: datetime) -> Iterator[str]:
    yield "BEGIN:VEVENT"
    yield f"UID:{event.uid}"
    yield f"DTSTAMP:{_instant(at)}"
    if isinstance(event.at, datetime):
        yield f"DTSTART:{_instant(event.at)}"
    else:
        yield f"DTSTART;VALUE=DATE:{event.at:%Y%m%d}"
        # The day after the last one.
        yield f"DTEND;VALUE=DATE:{event.at + timedelta(days=1):%Y%m%d}"
    yield f"SUMMARY:{_escaped(event.summary)}"
    if event.description:
        yield f"DESCRIPTION:{_escaped(event.description)}"
    yield "TRANSP:TRANSPARENT"
    for trigger in _ALARMS if event.has_alarms else ():
        yield "BEGIN:VALARM"
        yield "ACTION:DISPLAY"
        yield f"TRIGGER:{trigger}"
        yield f"DESCRIPTION:{_escaped(event.summary)}"
        yield "END:VALARM"
    yield "END:VEVENT"


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
