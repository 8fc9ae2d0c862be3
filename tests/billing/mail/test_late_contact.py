"""The contact for late mails: no mail before its link is confirmed."""

from datetime import timedelta
from typing import Any

import pytest
import time_machine
from django.test import Client
from django.utils import timezone

from billing.models import LateContact
from portal.db import unit_of_work
from portal.models import AuditEntry, Tenant
from tests.builders import Company
from tests.portal.people.invited import admin_of, path_in, refused_links, send_mails

BOSS = "boss@a-100.example"


def contact(company: Company) -> str:
    with unit_of_work.acting_for(company.id, reading=True):
        return Tenant.objects.get().escalation_address


def choose(company: Company, address: str = BOSS) -> Any:
    client = admin_of(company)
    return client.post("/people/late-contact", {"address": address}, follow=True)


def link_for(company: Company, address: str = BOSS) -> str:
    assert "A link is on its way" in choose(company, address).content.decode()
    [message] = send_mails()
    assert message.to == [address]
    return path_in(message)


def test_a_contact_counts_only_once_it_is_confirmed(alice: Company) -> None:
    path = link_for(alice)
    page = admin_of(alice).get("/people").content.decode()
    assert f"{BOSS}: not confirmed yet, gets no mails" in page
    # A scanner opens the link first.
    page = Client().get(path).content.decode()
    assert "wants to send late mails to boss@a-100.example" in page
    assert contact(alice) == ""
    answer = Client().post(path).content.decode()
    assert "boss@a-100.example now gets the late mails" in answer
    assert contact(alice) == BOSS
    assert "not confirmed yet" not in admin_of(alice).get("/people").content.decode()
    with unit_of_work.acting_for(alice.id, reading=True):
        assert AuditEntry.objects.filter(act="late-contact-confirmed").count() == 1


def test_the_contact_before_goes_on_until_the_new_one_is_confirmed(
    alice: Company,
) -> None:
    Client().post(link_for(alice))
    path = link_for(alice, "group@a-100.example")
    assert contact(alice) == BOSS
    Client().post(path)
    assert contact(alice) == "group@a-100.example"


def test_a_contact_is_removed_at_once_and_its_waiting_link_with_it(
    alice: Company,
) -> None:
    Client().post(link_for(alice))
    path = link_for(alice, "group@a-100.example")
    assert "sent to nobody else" in choose(alice, "").content.decode()
    assert contact(alice) == ""
    assert Client().post(path).status_code == 404
    assert contact(alice) == ""
    # One that was replaced before its mail went gets no mail.
    choose(alice)
    choose(alice, "")
    assert send_mails() == []


def test_the_same_contact_again_needs_no_link(alice: Company) -> None:
    Client().post(link_for(alice))
    assert "sent to boss@a-100.example as well" in choose(alice).content.decode()
    assert send_mails() == []


def test_a_link_works_once_and_for_three_days(alice: Company) -> None:
    path = link_for(alice)
    with time_machine.travel(timezone.now() + timedelta(days=3), tick=False):
        assert Client().post(path).status_code == 409
    Client().post(path)
    for answer in (Client().get(path), Client().post(path)):
        assert answer.status_code == 409
        assert "Alice" not in answer.content.decode()
    assert Client().get("/late-contact/guessed").status_code == 404
    assert refused_links() == ["link-expired", "link-used", "link-used", "link-unknown"]


def test_few_links_are_sent_a_day_and_none_to_nobody(alice: Company) -> None:
    assert "valid email address" in choose(alice, "nobody").content.decode()
    for number in range(5):
        link_for(alice, f"boss{number}@a-100.example")
    assert choose(alice).status_code == 429


def test_charlies_admin_sees_nothing_of_alices_contact(
    alice: Company, charlie: Company
) -> None:
    link_for(alice)
    assert BOSS not in admin_of(charlie).get("/people").content.decode()
    with unit_of_work.acting_for(charlie.id, reading=True):
        assert not LateContact.objects.exists()


@pytest.mark.parametrize("field", ["chosen_by", "address"])
def test_hostile_texts_are_shown_as_text(alice: Company, field: str) -> None:
    path = link_for(alice)
    with unit_of_work.acting_for(unit_of_work.STAFF):
        LateContact.objects.update(**{field: "<b>x</b>"})
    assert "&lt;b&gt;x&lt;/b&gt;" in Client().get(path).content.decode()
