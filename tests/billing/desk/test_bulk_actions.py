"""Bulk actions do what the page shows, once, and for no other tenant."""

from collections.abc import Iterator
from datetime import date
from typing import Any

import pytest
import time_machine
from django.test import Client

from billing.desk import bulk
from billing.desk import queries as desk_queries
from billing.desk.bulk_actions import ACTIONS
from billing.desk.sql import DeskFilter
from billing.models import Reminder
from billing.periods import deadlines
from portal.db import unit_of_work
from portal.mail import switch as mail_switch
from portal.models import AuditEntry, StaffRole
from tests.billing.desk.bulk_page import (
    DESK,
    SELECTED,
    by_tenant,
    named,
    open_three,
    page,
    post,
    read,
    send_all,
    to_post,
)
from tests.billing.lateness.late_tenants import (
    AFTER,
    DAY,
    DUE,
    MAY,
    flag,
    open_short,
    opened,
)
from tests.billing.staff.staff_clients import staff_client
from tests.builders import Company

# A day later than all deadlines of the period, and its midnight in Berlin.
TO = date(2026, 6, 10)
LATER = DUE + 6 * DAY
EXTEND = {"to": str(TO), "reason": "Their storm."}


@pytest.fixture(autouse=True)
def _night_after() -> Iterator[None]:
    with time_machine.travel(AFTER):
        yield


@pytest.fixture
def three(db: None, settings: Any) -> list[Company]:
    return open_three(settings)


@pytest.fixture
def auditor(db: None) -> Client:
    return staff_client(StaffRole.AUDITOR)


def mails() -> list[tuple[str, str, str]]:
    with unit_of_work.acting_for(unit_of_work.STAFF, reading=True):
        rows = Reminder.objects.order_by("pk").select_related("tenant")
        return [(row.tenant.number, row.recipient, row.step) for row in rows]


def acts() -> list[str]:
    with unit_of_work.acting_for(unit_of_work.STAFF, reading=True):
        return list(AuditEntry.objects.order_by("number").values_list("act", flat=True))


# Reminding


def test_it_says_who_would_be_mailed_and_mails_nobody(
    three: list[Company], clerk: Client
) -> None:
    before = acts()
    html = page(clerk, named(three, "remind"))
    assert by_tenant(html) == {
        "L-1": "a mail to admin@l-1.example",
        "L-2": "a mail to admin@l-2.example",
        "L-3": "Nothing: Nothing is missing.",
    }
    assert "Remind now: 2 tenants" in read(html)
    assert "1 is left as it is." in read(html)
    assert (mails(), acts()) == ([], before)


def test_what_was_shown_is_done_once(three: list[Company], clerk: Client) -> None:
    fields = to_post(page(clerk, named(three, "remind")))
    assert fields["tenant"] == [str(one.id) for one in three[:2]]
    assert "2 mails go within a minute" in post(clerk, fields)
    written = [
        ("L-1", "admin@l-1.example", "now-1"),
        ("L-2", "admin@l-2.example", "now-1"),
    ]
    assert mails() == written
    # Sent again, as by somebody who went back: there is nothing left to do.
    assert "Nothing was to be done." in post(clerk, fields)
    assert mails() == written
    with unit_of_work.acting_for(unit_of_work.STAFF, reading=True):
        entry = AuditEntry.objects.get(act="reminded-now")
    assert entry.details == {"tenants": 2, "mails": 2}
    html = page(clerk, named(three, "remind"))
    assert by_tenant(html)["L-1"] == "Nothing: Everybody there has had a mail today."
    assert not to_post(html).get("tenant")


def test_who_has_sent_all_meanwhile_is_not_reminded(
    three: list[Company], clerk: Client
) -> None:
    fields = to_post(page(clerk, named(three, "remind")))
    send_all(three[0])
    assert "1 mail goes within a minute" in post(clerk, fields)
    assert [number for number, *_ in mails()] == ["L-2"]


def test_while_all_mail_is_stopped_nobody_is_reminded(
    three: list[Company], clerk: Client
) -> None:
    fields = to_post(page(clerk, named(three, "remind")))
    with unit_of_work.acting_for(unit_of_work.STAFF):
        mail_switch.stop(by="clerk", reason="A test.", at=AFTER)
    said = by_tenant(page(clerk, named(three, "remind")))
    assert said.keys() == {"L-1", "L-2", "L-3"}
    assert set(said.values()) == {"Nothing: all mail is stopped, see the page Mail"}
    assert "Nothing was to be done." in post(clerk, fields)
    assert mails() == []


# Extending


def test_extending_asks_first_until_when_and_why(
    three: list[Company], clerk: Client
) -> None:
    html = page(clerk, named(three, "extend"))
    assert "Show what will happen" in html
    assert "What will happen for each tenant" not in html
    assert all(f"L-{n} L-{n} · Berlin" in read(html) for n in (1, 2, 3))
    assert "Leave it" in html
    for wrong, why in (
        ({"to": "yesterday", "reason": "x"}, "Enter a valid date"),
        ({"to": str(TO), "reason": " "}, "A decision needs a reason"),
    ):
        said = page(clerk, named(three, "extend", **wrong), status=422)
        assert why in said
        assert "What will happen for each tenant" not in said
        assert 'method="post" action="/staff/selected"' not in said
        response = clerk.post(SELECTED, named(three, "extend", **wrong))
        assert response.status_code == 422
    assert [opened(one).extended_to for one in three] == [None] * 3


def test_extending_shows_the_new_deadline_of_each_and_extends_nothing(
    three: list[Company], clerk: Client
) -> None:
    deadlines.extend(
        three[1].id, MAY, to=TO + DAY, by="clerk", at=AFTER, reason="Asked."
    )
    before = acts()
    said = by_tenant(page(clerk, named(three, "extend", **EXTEND)))
    assert said["L-2"] == "Nothing: it is late from that time or a later one already"
    for number, is_flagged in (("L-1", True), ("L-3", False)):
        assert "late from Thu 11 June 2026, 00:00, Berlin" in said[number]
        assert ("the earlier flag is void" in said[number]) is is_flagged
    far = named(three, "extend", to="2028-01-01", reason="A typo.")
    assert "more than a year later" in by_tenant(page(clerk, far))["L-1"]
    assert opened(three[0]).extended_to is None
    assert flag(three[0]).voided_at is None
    assert acts() == before


def test_extending_is_done_once_for_each(three: list[Company], clerk: Client) -> None:
    fields = to_post(page(clerk, named(three, "extend", **EXTEND)))
    assert "The extension is granted to 3 tenants." in post(clerk, fields)
    for one in three:
        found = opened(one)
        assert (found.extended_to, found.decision_reason) == (LATER, "Their storm.")
    assert [flag(one).voided_at is None for one in three[:2]] == [False, False]
    assert "Nothing was to be done." in post(clerk, fields)
    assert acts().count("deadline-extended") == 3


def test_who_was_given_more_meanwhile_keeps_it(
    three: list[Company], clerk: Client
) -> None:
    fields = to_post(page(clerk, named(three, "extend", **EXTEND)))
    more = LATER + 5 * DAY
    deadlines.extend(three[0].id, MAY, to=more, by="other", at=AFTER, reason="More.")
    assert "The extension is granted to 2 tenants." in post(clerk, fields)
    assert [opened(one).extended_to for one in three] == [more, LATER, LATER]
    assert opened(three[0]).decided_by == "other"


# Who and which


def test_an_auditor_sees_the_desk_and_acts_for_nobody(
    three: list[Company], auditor: Client
) -> None:
    desk = auditor.get(f"{DESK}?period={MAY}").content.decode()
    assert "L-1" in desk
    assert "Export, CSV" in desk
    assert "/staff/selected" not in desk
    for fields in (named(three, "remind"), named(three, "extend", **EXTEND)):
        assert auditor.get(SELECTED, fields).status_code == 403
        assert auditor.post(SELECTED, fields).status_code == 403
    assert mails() == []
    assert [opened(one).extended_to for one in three] == [None] * 3


def test_nobody_and_strangers_are_told_apart_from_nothing(
    three: list[Company], clerk: Client
) -> None:
    late_comer = open_short("L-4")  # has no period yet
    strange = ["0", "999999999", "9" * 30, "-1", "x", str(late_comer.id)]
    for ids in ([], strange):
        fields = named([], "remind") | {"tenant": ids}
        assert "No tenant is selected" in page(clerk, fields)
        assert "Nothing was to be done." in post(clerk, fields)
    mixed = named(three[:1], "remind")
    mixed["tenant"] += [*strange, *mixed["tenant"]]
    assert list(by_tenant(page(clerk, mixed))) == ["L-1"]
    assert mails() == []


def test_an_act_and_a_period_that_there_are_not_are_refused(clerk: Client) -> None:
    for wrong, status in (
        ({"act": "forget"}, 404),
        ({"act": ""}, 404),
        ({"period": ""}, 404),
        ({"period": "2026-13"}, 422),
    ):
        fields = named([], "remind") | {"tenant": ["1"]} | wrong
        assert clerk.get(SELECTED, fields).status_code == status, wrong
        assert clerk.post(SELECTED, fields).status_code == status, wrong


def test_more_than_can_be_looked_through_are_not_taken(
    three: list[Company], clerk: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(bulk, "AT_MOST", 2)
    html = page(clerk, named(three, "extend", **EXTEND))
    assert set(by_tenant(html)) == {"L-1", "L-2"}
    assert "Only the first 2" in read(html)
    # One who sends all three says so without having been shown the third.
    post(clerk, named(three, "extend", **EXTEND))
    assert [opened(one).extended_to for one in three] == [LATER, LATER, None]


def test_who_changes_while_it_is_done_holds_up_nobody(three: list[Company]) -> None:
    ids = [one.id for one in three]
    with unit_of_work.acting_for(unit_of_work.STAFF, reading=True):
        rows = desk_queries.desk_rows(
            DeskFilter(period=MAY, tenants=ids), at=AFTER, most=3
        )
    deadlines.extend(three[0].id, MAY, to=TO + DAY, by="other", at=AFTER, reason="x")
    wanted = bulk.BulkRequest(
        period=MAY, given={"to": TO, "reason": "x"}, by="clerk", at=AFTER
    )
    said = ACTIONS["extend"].do(rows, wanted)
    assert said == (
        "The extension is granted to 2 tenants."
        " 1 has changed meanwhile and was left alone."
    )
    assert [opened(one).extended_to for one in three[1:]] == [LATER] * 2
