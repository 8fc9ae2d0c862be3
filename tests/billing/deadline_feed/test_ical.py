"""The uids of the deadline feed stay the same for subscribed calendars."""

from datetime import date
from typing import Any

from billing.deadline_feed import ical
from billing.periods import open_periods
from portal.db import unit_of_work
from tests.builders import NOW, Company


def test_an_event_has_the_same_uid_in_every_release(
    alice: Company, settings: Any
) -> None:
    settings.SECRET_KEY = "never changed within an installation"
    open_periods.open_current_periods(today=date(2026, 5, 20), at=NOW)
    with unit_of_work.acting_for(alice.id, reading=True):
        uids = {event.uid for event in ical.feed_events(at=NOW)}
    # As version 0.1 gave it to the first tenant of an installation with this key.
    assert alice.id == 1
    assert "target-2026-05-055a8f9d21f7328b078a" in uids
