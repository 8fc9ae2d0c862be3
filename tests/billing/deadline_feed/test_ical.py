"""The deadline feed: its dates, its alarms, and uids that stay the same."""

import re
from collections.abc import Iterator
from datetime import UTC, date, datetime
from typing import Any

import pytest

from billing.coverage import licences
from billing.deadline_feed import ical
from billing.models import ExcuseKindChoices
from billing.periods import open_periods
from billing.requests import licences as licence_requests
from portal.db import unit_of_work
from tests.billing.requests.excuse_requests import may, request_excuse, send_all
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


# A strict reader of what the feed is made of: RFC 5545, 3.1 (lines) and 3.3.11 (texts).

LINE = re.compile(r"([A-Z-]+)((?:;[A-Z]+=[A-Z]+)*):(.*)")
TEXT = re.compile(r"(?:[^\\;,\x00-\x1f\x7f]|\\[\\;,n])*")
OF_TEXT = {"SUMMARY", "DESCRIPTION", "X-WR-CALNAME"}

Properties = dict[str, str]


def properties(text: str) -> Iterator[tuple[str, str]]:
    """Yield the properties of a calendar; `NAME;VALUE=DATE` for a parameter."""
    assert text.endswith("\r\n")
    text = text.removesuffix("\r\n")
    assert all(len(line.encode()) <= 75 for line in text.split("\r\n"))
    for line in text.replace("\r\n ", "").split("\r\n"):
        match = LINE.fullmatch(line)
        assert match is not None, line
        name, parameters, value = match.groups()
        assert name not in OF_TEXT or TEXT.fullmatch(value), value
        yield name + parameters, value


def parsed(text: str) -> list[tuple[Properties, list[Properties]]]:
    """Return each event with its alarms."""
    found: list[tuple[Properties, list[Properties]]] = []
    opened: list[str] = []
    for name, value in properties(text):
        if name == "BEGIN":
            opened.append(value)
            if value == "VEVENT":
                found.append(({}, []))
            if value == "VALARM":
                found[-1][1].append({})
        elif name == "END":
            assert opened.pop() == value
        elif opened[-1] != "VCALENDAR":
            event, alarms = found[-1]
            inner = event if opened[-1] == "VEVENT" else alarms[-1]
            assert name not in inner
            inner[name] = value
    assert opened == []
    return found


def test_a_period_is_due_on_the_whole_of_its_day_with_alarms(alice: Company) -> None:
    open_periods.open_current_periods(today=date(2026, 5, 20), at=NOW)
    with unit_of_work.acting_for(alice.id, reading=True):
        text = ical.ical_text(ical.feed_events(at=NOW), at=NOW)
    events = {
        event["UID"].rsplit("-", 1)[0]: (event, alarms)
        for event, alarms in parsed(text)
    }
    due, alarms = events["target-2026-05"]
    assert due["DTSTART;VALUE=DATE"] == "20260603"
    assert due["DTEND;VALUE=DATE"] == "20260604"
    span = "usage files for 28 April to 27 May"
    assert due["SUMMARY"] == (f"{alice.number}\\, {span}: due by the end of Wed 3 June")
    dates = (
        "Due by the end of Wed 3 June. Late from Fri 5 June 2026\\, 00:00\\,"
        " Berlin (CEST\\, UTC+2)."
    )
    assert due["DESCRIPTION"] == dates
    # At nine on the day before, and on the day.
    assert [alarm["TRIGGER"] for alarm in alarms] == ["-PT15H", "PT9H"]
    assert {alarm["ACTION"] for alarm in alarms} == {"DISPLAY"}
    assert {alarm["DESCRIPTION"] for alarm in alarms} == {due["SUMMARY"]}
    late, alarms = events["late-2026-05"]
    assert late["DTSTART"] == "20260604T220000Z"
    assert late["SUMMARY"] == (
        f"{alice.number}\\, {span}: late from Fri 5 June\\, 00:00"
    )
    assert alarms == []


def test_a_due_day_that_is_over_has_no_alarm(alice: Company) -> None:
    open_periods.open_current_periods(today=date(2026, 5, 20), at=NOW)
    with unit_of_work.acting_for(alice.id, reading=True):
        for at, is_ahead in (
            # The last minute of the 3rd in Berlin, and the first of the 4th.
            (datetime(2026, 6, 3, 21, 59, tzinfo=UTC), True),
            (datetime(2026, 6, 3, 22, 0, tzinfo=UTC), False),
        ):
            alarms = {
                event.uid.rsplit("-", 1)[0]: event.has_alarms
                for event in ical.feed_events(at=at)
            }
            assert alarms["target-2026-05"] is is_ahead


@pytest.mark.parametrize(
    "summary",
    [
        "a;b,c\\d",
        "two\nlines",
        "München " * 20,
        "\U0001f600" * 60,
        "漢字" * 70,
        "x" * 74,
        "x" * 67,
    ],
)
def test_any_text_is_folded_and_escaped(summary: str) -> None:
    event = ical.FeedEvent("u", date(2026, 6, 3), summary, summary, has_alarms=True)
    ((found, _),) = parsed(ical.ical_text([event], at=NOW))
    escapes = {r"\\": "\\", r"\;": ";", r"\,": ",", r"\n": "\n"}
    for name in ("SUMMARY", "DESCRIPTION"):
        read = re.sub(r"\\.", lambda one: escapes[one[0]], found[name])
        assert read == summary


def alarms_of(company: Company, at: datetime) -> dict[str, bool]:
    with unit_of_work.acting_for(company.id, reading=True):
        found = ical.feed_events(at=at)
    return {event.uid.rsplit("-", 1)[0]: event.has_alarms for event in found}


def test_no_event_has_an_alarm_while_only_the_billing_team_can_act(
    alice: Company,
) -> None:
    at = datetime(2026, 6, 2, 12, tzinfo=UTC)
    open_periods.open_current_periods(today=at.date(), at=at)
    send_all(alice, without=frozenset({9}))
    assert alarms_of(alice, at)["target-2026-05"]
    request_excuse(alice, may(6), kind=ExcuseKindChoices.LOST)
    assert not alarms_of(alice, at)["target-2026-05"]
    # The running period still has its days to come.
    assert alarms_of(alice, at)["target-2026-06"]


def test_the_feed_of_an_automated_tenant_has_no_alarms(alice: Company) -> None:
    at = datetime(2026, 6, 2, 12, tzinfo=UTC)
    open_periods.open_current_periods(today=at.date(), at=at)
    licence_requests.set_licences(
        alice.id,
        from_on=date(2026, 4, 28),
        keys=[licences.AUTOMATED],
        by="clerk",
        at=at,
    )
    assert set(alarms_of(alice, at).values()) == {False}
