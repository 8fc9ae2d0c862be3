"""Finds out which days one file leaves open before and after it."""

from datetime import date, timedelta

from billing.coverage.facts import FileFact
from billing.coverage.periods import ONE_DAY, ONE_SECOND, zone_named

MIDNIGHT = "midnight"


def open_after(fact: FileFact) -> date:
    """Name the first day that the file leaves open behind it.

    The day after its own when it was closed by midnight, else the day it was closed
    on. A file whose clock disagrees with its (assigned) day proves that day only.
    """
    try:
        if fact.closed_by == MIDNIGHT:
            return fact.day + ONE_DAY
        opened = fact.opened_at + timedelta(minutes=fact.opened_offset)
        closed = fact.closed_at + timedelta(minutes=fact.closed_offset)
    except OverflowError:  # a genuine file may claim any year up to 9999
        return fact.day
    return max(fact.day, closed.date()) if opened.date() == fact.day else fact.day


def open_before(fact: FileFact) -> date:
    """Name the last day that the file leaves open before it.

    Its own day, unless it was opened in the first second of that day. Where clocks
    skip or repeat midnight the first second is the zone's, as long as our zone data
    agrees with the offset the server saw.
    """
    zone = zone_named(fact.zone)
    try:
        offset = timedelta(minutes=fact.opened_offset)
        before = fact.opened_at - ONE_SECOND
        if (fact.opened_at + offset).date() != fact.day:
            return fact.day
        if fact.opened_at.astimezone(zone).utcoffset() == offset:
            return min(fact.day, before.astimezone(zone).date())
        return (before + offset).date()
    except OverflowError:
        return fact.day
