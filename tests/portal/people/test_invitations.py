"""Invitations: made, mailed, listed, sent again, withdrawn, limited."""

from datetime import timedelta
from typing import Any

import pytest
import time_machine
from django.db import IntegrityError, connection
from django.test import Client
from django.utils import timezone

from portal.db import unit_of_work
from portal.models import AccountMail, Invitation
from portal.people import invite as inviting
from portal.people.links import digest_of
from tests.builders import NOW, Company
from tests.portal.mail.hostile_mail_server import hostile_server
from tests.portal.people.invited import (
    NEW,
    acts,
    admin_of,
    browser,
    invitations,
    invite,
    link_for,
    path_in,
    role_of,
    send_mails,
)


def test_an_admin_invites_and_only_a_digest_of_the_link_is_stored(
    alice: Company,
) -> None:
    path = link_for(admin_of(alice), role="uploader")
    secret = path.rsplit("/", 1)[1]
    [row] = invitations()
    assert (row.address, row.role, row.tenant_id) == (NEW, "uploader", alice.id)
    assert row.digest is not None
    assert bytes(row.digest) == digest_of(secret)
    with unit_of_work.acting_for(unit_of_work.STAFF), connection.cursor() as cursor:
        cursor.execute("select row_to_json(one)::text from portal_accountmail one")
        cursor.execute("select row_to_json(one)::text from portal_invitation one")
        assert all(secret not in text for (text,) in cursor.fetchall())
    assert acts(alice)[-1] == "person-invited"
    assert role_of(NEW, alice) is None


@pytest.mark.parametrize("role", ["viewer", "uploader"])
def test_nobody_but_an_admin_invites(alice: Company, role: str) -> None:
    client = browser(alice.people[role])
    assert invite(client).status_code == 403
    assert client.get("/people/invite").status_code == 403
    assert invitations() == []


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("address", "nobody"),
        ("address", ""),
        ("role", "clerk"),
        ("role", ""),
        ("name", "x" * 201),
    ],
)
def test_a_wrong_field_is_shown_and_nobody_is_invited(
    alice: Company, field: str, value: str
) -> None:
    answer = invite(admin_of(alice), **{"role": "viewer", field: value})
    assert answer.status_code == 422
    assert list(answer.context["form"].errors) == [field]
    assert invitations() == []


def test_an_address_is_invited_as_it_is_compared(alice: Company) -> None:
    admin = admin_of(alice)
    invite(admin, "Zoe@A-100.example")
    assert invitations()[0].address == NEW
    page = invite(admin, "ZOE@a-100.EXAMPLE").content.decode()
    assert "has an open invitation already" in page
    page = invite(admin, alice.people["viewer"].email.upper()).content.decode()
    assert "This person is a member already" in page
    assert len(invitations()) == 1


def test_an_account_and_a_stranger_are_invited_alike(
    alice: Company, charlie: Company
) -> None:
    admin = admin_of(alice)
    stranger = invite(admin, "x@elsewhere.example")
    theirs = charlie.people["viewer"].email
    known = invite(admin, theirs)
    shown = known.content.decode().replace(theirs, "x@elsewhere.example")
    assert "is on its way to x@elsewhere.example" in shown
    assert known.status_code == stranger.status_code
    assert charlie.people["viewer"].name not in shown


def test_the_list_shows_the_state_and_who_invited(alice: Company) -> None:
    admin = admin_of(alice)
    invite(admin, name="Zoe \N{RIGHT-TO-LEFT OVERRIDE}<b>")
    page = admin.get("/people").content.decode()
    assert "waiting to be sent" in page
    assert "Zoe &lt;b&gt;" in page
    send_mails()
    page = admin.get("/people").content.decode()
    assert "sent, not accepted yet" in page
    assert f"by <bdi>{alice.people['admin'].email}</bdi>" in page
    viewer = browser(alice.people["viewer"]).get("/people").content.decode()
    assert NEW not in viewer
    with time_machine.travel(timezone.now() + timedelta(days=3), tick=False):
        page = admin_of(alice).get("/people").content.decode()
    assert "expired: send it again" in page


def test_with_the_mail_server_away_an_invitation_waits_and_its_days_begin_later(
    alice: Company, settings: Any
) -> None:
    admin = admin_of(alice)
    with hostile_server(settings) as server:
        server.replies["RCPT"] = "451 greylisted"
        invite(admin)
        send_mails()
        assert "waiting to be sent" in admin.get("/people").content.decode()
        server.replies = {}
        later = timezone.now() + timedelta(days=5)
        with time_machine.travel(later, tick=False):
            send_mails()
        [message] = server.taken
    assert message["To"] == NEW
    [row] = invitations()
    assert row.expires_at - later == timedelta(days=3)


def test_sent_again_the_new_link_replaces_the_one_before(alice: Company) -> None:
    admin = admin_of(alice)
    first = link_for(admin)
    [row] = invitations()
    admin.post(f"/people/invitations/{row.pk}/again")
    [message] = send_mails()
    second = path_in(message)
    assert Client().get(first).status_code == 404
    assert Client().get(second).status_code == 200
    assert acts(alice)[-1] == "invitation-sent-again"


def test_of_two_mails_that_wait_only_the_last_is_sent(alice: Company) -> None:
    admin = admin_of(alice)
    invite(admin)
    [row] = invitations()
    admin.post(f"/people/invitations/{row.pk}/again")
    [message] = send_mails()
    assert Client().get(path_in(message)).status_code == 200


def test_a_withdrawn_invitation_opens_nothing_and_is_not_mailed(
    alice: Company,
) -> None:
    admin = admin_of(alice)
    path = link_for(admin)
    [row] = invitations()
    admin.post(f"/people/invitations/{row.pk}/withdraw")
    answer = Client().get(path)
    assert answer.status_code == 409
    assert "This invitation was withdrawn." in answer.content.decode()
    assert NEW not in answer.content.decode()
    # Withdrawn before it was mailed.
    invite(admin, "yan@a-100.example")
    other = invitations()[-1]
    admin.post(f"/people/invitations/{other.pk}/withdraw")
    assert send_mails() == []
    # It cannot be sent again, and the address can be invited anew.
    assert admin.post(f"/people/invitations/{other.pk}/again").status_code == 404
    assert "is on its way" in invite(admin, "yan@a-100.example").content.decode()


def test_charlies_admin_has_no_hand_in_alices_invitations(
    alice: Company, charlie: Company
) -> None:
    link_for(admin_of(alice))
    [row] = invitations()
    theirs = admin_of(charlie)
    assert NEW not in theirs.get("/people").content.decode()
    for act in ("again", "withdraw"):
        assert theirs.post(f"/people/invitations/{row.pk}/{act}").status_code == 404
    assert invitations()[0].withdrawn_at is None
    with unit_of_work.acting_for(charlie.id, reading=True):
        assert not Invitation.objects.exists()
        assert not AccountMail.objects.filter(recipient=NEW).values("pk").exists()


def test_one_address_gets_few_invitations_a_day(alice: Company) -> None:
    admin = admin_of(alice)
    link_for(admin)
    [row] = invitations()
    for _ in range(inviting.MAILS_A_DAY - 1):
        admin.post(f"/people/invitations/{row.pk}/again")
    answer = admin.post(f"/people/invitations/{row.pk}/again", follow=True)
    assert "has received 5 invitations within a day" in answer.content.decode()
    admin.post(f"/people/invitations/{row.pk}/withdraw")
    assert "within a day" in invite(admin).content.decode()
    assert len(invitations()) == 1


def test_a_tenant_has_a_limited_number_of_open_invitations(
    alice: Company, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(inviting, "OPEN_AT_MOST", 2)
    admin = admin_of(alice)
    pages = [
        invite(admin, f"p{number}@a-100.example").content.decode()
        for number in range(3)
    ]
    assert "There are 2 open invitations" in pages[2]
    assert len(invitations()) == 2


def test_an_expired_invitation_makes_room_for_a_new_one(alice: Company) -> None:
    link_for(admin_of(alice))
    with time_machine.travel(timezone.now() + timedelta(days=4), tick=False):
        link_for(admin_of(alice), role="admin")
    before, after = invitations()
    assert before.withdrawn_at is not None
    assert (after.role, after.withdrawn_at) == ("admin", None)


@pytest.mark.parametrize(
    "change",
    [
        {"role": "clerk"},
        {"role": "", "staff_role": "clerk"},
        {"staff_role": "clerk"},
        {"address": "Zoe@a-100.example"},
        {"withdrawn_at": NOW},
        {"accepted_at": NOW},
        {"expires_at": NOW},
        {"name": " Zoe"},
    ],
)
def test_the_database_refuses_an_invitation_that_contradicts_itself(
    alice: Company, change: dict[str, Any]
) -> None:
    row = {
        "tenant_id": alice.id,
        "address": NEW,
        "role": "viewer",
        "invited_by_text": "test",
        "created_at": NOW,
        "expires_at": NOW + timedelta(days=3),
    }
    with (
        pytest.raises(IntegrityError),
        unit_of_work.acting_for(unit_of_work.STAFF),
    ):
        Invitation.objects.create(**{**row, **change})


def test_a_name_with_control_characters_is_cleaned(alice: Company) -> None:
    invite(admin_of(alice), name="Zoe\x07 New")
    assert invitations()[0].name == "Zoe New"


def test_an_address_that_acts_could_not_be_stored_with_is_refused(
    alice: Company,
) -> None:
    domain = ".".join(["y" * 60] * 3)
    answer = invite(admin_of(alice), f"{'x' * 10}@{domain}.example")
    assert answer.status_code == 422
    assert invitations() == []
