"""The deadlines of a tenant as a calendar that programs subscribe to (RFC 5545).

Both readings of each period, as instants in UTC; no name, no server, no count: an
address that goes astray tells nothing else.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from django.utils.crypto import salted_hmac
from django.utils.translation import gettext

from billing.models import TenantPeriod
from billing.periods import Period, day_ends_at, zone_named
from billing.queries import deadline_of
from portal.models import Tenant
from portal.templatetags.shown import short_day

# Periods that have opened: as many as a year has.
_PAST = 12

# Periods after the running one, that somebody plans for.
_NEXT = 3

# A line takes so many bytes, RFC 5545 says; what is longer goes on after a space.
_LINE = 75


@dataclass(frozen=True, slots=True)
class Event:
    """One date of a period; `uid` is the same each time it is asked for."""

    uid: str
    at: datetime
    summary: str


def events(*, at: datetime) -> list[Event]:
    """Return the dates of opened and coming periods, in the tenant's unit of work."""
    tenant = Tenant.objects.get()
    opened = list(TenantPeriod.objects.order_by("-period")[:_PAST])
    found = [(Period.parse(row.period), row.zone, row.effective_at) for row in opened]
    today = at.astimezone(zone_named(tenant.zone)).date()
    period = Period.containing(today)
    for _ in range(_NEXT + 1):
        if not any(period == one for one, _, _ in found):
            found.append((period, tenant.zone, deadline_of(tenant, period)))
        period = period.next()
    mark = salted_hmac("billing.calendar_feed", str(tenant.pk)).hexdigest()[:20]
    return [
        event
        for period, zone, deadline_at in sorted(found, key=lambda one: one[2])
        for event in _events_of(period, zone, deadline_at, mark)
    ]


def as_text(found: list[Event], *, at: datetime) -> str:
    """Write a calendar; `at` is when it is asked for."""
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


def _events_of(
    period: Period, zone: str, deadline_at: datetime, mark: str
) -> Iterator[Event]:
    span = gettext("%(first)s to %(last)s") % {
        "first": short_day(period.starts_on),
        "last": short_day(period.ends_on),
    }
    before = short_day(period.target_on + timedelta(days=1))
    yield Event(
        f"target-{period}-{mark}",
        day_ends_at(period.target_on, zone_named(zone)),
        gettext("Usage files for %(span)s: please upload before %(day)s")
        % {"span": span, "day": before},
    )
    yield Event(
        f"late-{period}-{mark}",
        deadline_at,
        gettext("Usage files for %(span)s: late from now on") % {"span": span},
    )


def _instant(at: datetime) -> str:
    return f"{at.astimezone(UTC):%Y%m%dT%H%M%SZ}"


def _escaped(text: str) -> str:
    for letter in ("\\", ";", ","):
        text = text.replace(letter, f"\\{letter}")
    return text.replace("\n", "\\n")


def _folded(line: str) -> Iterator[str]:
    """Yield the parts of a line, none of them over 75 bytes, no letter torn."""
    part, size = "", 0
    for letter in line:
        length = len(letter.encode())
        if size + length > _LINE:
            yield part
            part, size = " ", 1
        part, size = part + letter, size + length
    yield part
