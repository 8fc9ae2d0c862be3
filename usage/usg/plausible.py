"""Step 8: checks a file's times against its day, its zone and its receipt.

All in whole seconds since 1970, so that the years 1 and 9999 overflow nothing.
"""

from collections.abc import Iterable
from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

from usage.usg.header import ClosedBy, Header
from usage.usg.limits import CLOCK_SKEW, OLDEST_AGE
from usage.usg.problems import Code, Problem, shown
from usage.usg.zones import find_zone

DAY_SECONDS = 86_400
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_EPOCH_ORDINAL = date(1970, 1, 1).toordinal()


def check(header: Header, received_at: datetime) -> Iterable[Problem]:
    yield from _clock(header, received_at)
    yield from _day(header)
    yield from _zone(header)
    if header.sequence > 1 and header.previous is None:
        params = {"sequence": header.sequence}
        yield Problem(Code.PREVIOUS_MISSING, "header.previous", params)


def _clock(header: Header, received_at: datetime) -> Iterable[Problem]:
    if header.closed_at < header.opened_at:
        yield Problem(Code.CLOSED_BEFORE_OPENED, "header.closed_at")
    latest = max(header.opened_at, header.closed_at)
    if latest - received_at > CLOCK_SKEW:
        params = {"closed": latest.isoformat()}
        yield Problem(Code.CLOCK_AHEAD, "header.closed_at", params)
    if received_at - header.opened_at > OLDEST_AGE:
        params = {"opened": header.opened_at.isoformat()}
        yield Problem(Code.CLOCK_BEHIND, "header.opened_at", params)


def _day(header: Header) -> Iterable[Problem]:
    """Compare local wall time, by the offsets the server itself saw.

    A day that loses or gains an hour needs no rule of its own: the offset at closing
    already differs. Where the clock changes at midnight itself the server may have seen
    either offset at closing, so the better of the two counts.
    """
    starts = (header.day.toordinal() - _EPOCH_ORDINAL) * DAY_SECONDS
    ends = starts + DAY_SECONDS
    params = {"day": header.day.isoformat()}
    opened = _wall(header.opened_at, header.opened_offset)
    if not starts <= opened < ends:
        yield Problem(Code.DAY_DIFFERS, "header.day", params)
    offsets = (header.opened_offset, header.closed_offset)
    closed = {_wall(header.closed_at, offset) for offset in offsets}
    if min(closed) > ends:
        yield Problem(Code.DAY_OVERRUN, "header.closed_at", params)
    elif header.closed_by is ClosedBy.MIDNIGHT and ends not in closed:
        yield Problem(Code.MIDNIGHT_DIFFERS, "header.closed_by", params)


def _wall(instant: datetime, offset: int) -> int:
    """Seconds since 1970 that a clock on the wall of the server showed."""
    return int((instant - _EPOCH).total_seconds()) + offset * 60


def _zone(header: Header) -> Iterable[Problem]:
    zone = find_zone(header.zone)
    if zone is None:
        params = {"zone": shown(header.zone)}
        yield Problem(Code.ZONE_UNKNOWN, "header.zone", params)
        return
    ends = (
        ("opened", header.opened_at, header.opened_offset),
        ("closed", header.closed_at, header.closed_offset),
    )
    for end, instant, seen in ends:
        expected = _expected_offsets(instant, zone)
        if expected and seen not in expected:
            yield Problem(
                Code.OFFSET_DIFFERS,
                f"header.{end}_offset",
                {"seen": seen, "expected": max(expected), "zone": header.zone},
            )


def _expected_offsets(instant: datetime, zone: ZoneInfo) -> set[int]:
    """Minutes from UTC at this instant and a second before; empty where years end.

    The second before matters at a midnight at which the clock changes: a file closed
    then may carry the offset of the day it belongs to.
    """
    try:
        moments = (instant, instant - timedelta(seconds=1))
        offsets = [moment.astimezone(zone).utcoffset() for moment in moments]
    except OverflowError:
        return set()
    return {round((offset or timedelta()).total_seconds() / 60) for offset in offsets}
