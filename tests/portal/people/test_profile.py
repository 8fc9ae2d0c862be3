"""A person's own data: name, zone, and the change of the mail address."""

from datetime import timedelta
from typing import Any

import pytest
import time_machine
from allauth.account.models import EmailAddress
from django.test import Client
from django.utils import timezone

from portal.accounts import request_mails
from portal.db import unit_of_work
from portal.models import AddressChange, EventKind, SecurityEvent, User
from portal.people.links import digest_of
from tests.billing.staff.staff_clients import signed_in, staff
from tests.builders import Company
from tests.portal.accounts.sign_in_form import is_signed_in, sign_in
from tests.portal.people.invited import (
    acts,
    browser,
    path_in,
    refused_links,
    send_mails,
)

NEW = "vera@elsewhere.example"


@pytest.fixture
def viewer(alice: Company) -> User:
    return alice.people["viewer"]


def link_to(client: Client, address: str = NEW) -> str:
    """Ask for a change, and return the path of the link."""
    answer = client.post("/profile/address", {"address": address}, follow=True)
    assert "is on its way to" in answer.content.decode()
    [message] = send_mails()
    assert message.to == [address.lower()]
    return path_in(message)


def address_of(person: User) -> str:
    return User.objects.get(pk=person.pk).email


def test_name_and_zone_are_ones_own(viewer: User) -> None:
    client = browser(viewer)
    page = client.get("/profile").content.decode()
    assert viewer.email in page
    saved = {"name": "  Vera \u202eViewer ", "zone": "Asia/Tokyo"}
    answer = client.post("/profile", saved, follow=True)
    assert "Your profile is saved." in answer.content.decode()
    person = User.objects.get(pk=viewer.pk)
    assert (person.name, person.zone) == ("Vera Viewer", "Asia/Tokyo")
    # The footer of every page names the time there.
    assert "Tokyo (JST, UTC+9)" in client.get("/files").content.decode()
    client.post("/profile", {"name": "Vera", "zone": ""})
    assert "Tokyo" not in client.get("/files").content.decode()


@pytest.mark.parametrize(
    ("field", "value"),
    [("name", ""), ("name", "\u200b"), ("zone", "Mars/Olympus"), ("name", "x" * 201)],
)
def test_a_wrong_name_or_zone_is_shown(viewer: User, field: str, value: str) -> None:
    saved = {"name": "Vera", "zone": "", field: value}
    answer = browser(viewer).post("/profile", saved)
    assert answer.status_code == 422
    assert User.objects.get(pk=viewer.pk).name == viewer.name


def test_a_new_address_is_confirmed_by_its_link_and_the_old_one_is_told(
    alice: Company, viewer: User
) -> None:
    client = browser(viewer)
    was = viewer.email
    path = link_to(client, "Vera@Elsewhere.example")
    assert address_of(viewer) == was
    [row] = changes()
    assert bytes(row.digest or b"") == digest_of(path.rsplit("/", 1)[1])
    assert NEW in client.get("/profile").content.decode()
    page = client.get(path).content.decode()
    assert was in page
    assert NEW in page
    assert address_of(viewer) == was
    answer = client.post(path, follow=True)
    assert f"Your mail address is {NEW} now" in answer.content.decode()
    assert address_of(viewer) == NEW
    assert EmailAddress.objects.get(user=viewer).email == NEW
    [told] = send_mails()
    assert told.to == [was]
    assert NEW in told.body
    assert acts(alice)[-1] == "address-changed"
    events = SecurityEvent.objects.filter(kind=EventKind.ADDRESS_CHANGED)
    assert events.values_list("user_id", flat=True).get() == viewer.pk
    # It signs in, and the old one does not.
    for address, works in ((NEW, True), (was, False)):
        other = Client()
        sign_in(other, address)
        assert is_signed_in(other) is works


def changes() -> list[AddressChange]:
    with unit_of_work.acting_for(unit_of_work.STAFF, reading=True):
        return list(AddressChange.objects.order_by("pk"))


def test_a_link_for_a_new_password_dies_with_the_old_address(viewer: User) -> None:
    request_mails.request_new_password(viewer.email)
    [message] = send_mails()
    reset = message.body.partition("/new-password/")[2].split()[0]
    client = browser(viewer)
    client.post(link_to(client))
    send_mails()
    page = Client().get(f"/new-password/{reset}", follow=True).content.decode()
    assert "This link no longer works." in page
    # A request that waits for the old address opens nothing either.
    request_mails.request_new_password("viewer@a-100.example")
    assert send_mails() == []


def test_a_link_used_twice_late_replaced_or_by_another_changes_nothing(
    alice: Company, viewer: User
) -> None:
    client = browser(viewer)
    first = link_to(client)
    second = link_to(client, "vera@third.example")
    assert client.post(first).status_code == 404
    other = browser(alice.people["uploader"])
    for answer in (other.get(second), other.post(second)):
        assert answer.status_code == 403
        assert "third.example" not in answer.content.decode()
    assert Client().post(second).headers["Location"].startswith("/sign-in")
    with time_machine.travel(timezone.now() + timedelta(days=4), tick=False):
        late = browser(viewer)
        assert late.post(second).status_code == 409
    assert address_of(viewer) == viewer.email
    client.post(second)
    assert client.post(second).status_code == 409
    assert refused_links() == [
        "link-unknown",
        "link-of-another",
        "link-of-another",
        "link-expired",
        "link-used",
    ]


def test_an_address_with_an_account_is_asked_for_like_any_other(
    charlie: Company, viewer: User
) -> None:
    theirs = charlie.people["admin"].email
    client = browser(viewer)
    answer = client.post("/profile/address", {"address": theirs}, follow=True)
    assert f"is on its way to {theirs}" in answer.content.decode()
    assert send_mails() == []
    assert address_of(viewer) == viewer.email


def test_an_address_that_was_taken_meanwhile_is_refused(
    charlie: Company, viewer: User
) -> None:
    client = browser(viewer)
    path = link_to(client)
    with unit_of_work.acting_for(unit_of_work.STAFF):
        User.objects.filter(pk=charlie.people["admin"].pk).update(email=NEW)
    answer = client.post(path)
    assert answer.status_code == 409
    assert "belongs to an account" in answer.content.decode()
    assert address_of(viewer) == viewer.email
    assert EmailAddress.objects.get(user=viewer).email == viewer.email


@pytest.mark.parametrize("address", ["", "nobody", "viewer@a-100.example"])
def test_an_address_that_is_none_or_ones_own_is_shown(
    viewer: User, address: str
) -> None:
    answer = browser(viewer).post("/profile/address", {"address": address})
    assert answer.status_code == 422
    assert changes() == []


def test_few_links_are_sent_a_day(viewer: User) -> None:
    client = browser(viewer)
    for number in range(5):
        link_to(client, f"vera{number}@elsewhere.example")
    answer = client.post("/profile/address", {"address": NEW})
    assert "sent too often" in answer.content.decode()


def test_the_change_needs_a_fresh_sign_in(viewer: User) -> None:
    client = browser(viewer)
    path = link_to(client)
    session: Any = client.session
    for one in session["account_authentication_methods"]:
        one["at"] -= 660
    session["account_authentication_methods"] = list(
        session["account_authentication_methods"]
    )
    session.save()
    for target in ("/profile", "/profile/address", path, "/people/leave"):
        assert client.post(target).status_code == 403
    assert address_of(viewer) == viewer.email


def test_staff_change_their_address_in_the_trail_of_the_staff(db: None) -> None:
    clerk = staff("clerk")
    client = signed_in(clerk)
    client.post(link_to(client))
    assert acts(None) == ["address-changed"]


def test_no_link_is_sent_for_an_account_that_was_closed_meanwhile(
    alice: Company, viewer: User
) -> None:
    browser(viewer).post("/profile/address", {"address": NEW})
    with unit_of_work.acting_for(unit_of_work.STAFF):
        User.objects.filter(pk=viewer.pk).update(is_active=False)
    assert send_mails() == []
