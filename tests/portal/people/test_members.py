"""Members: roles, removal, leaving, the last admin; nothing of theirs works after."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier
from typing import Any

import pytest
from django.db import connections
from django.test import Client
from django.utils import timezone

from portal import celery
from portal.accounts.caller import user_caller
from portal.accounts.sign_in_facts import PresentedFactors
from portal.db import unit_of_work
from portal.errors import Refused
from portal.models import (
    AuditEntry,
    EventKind,
    Membership,
    Role,
    SecurityEvent,
    User,
)
from portal.people import members
from portal.security_events.record import Origin
from portal.tenants import create
from tests.builders import NOW, PASSWORD, Company
from tests.portal.people.invited import (
    acts,
    admin_of,
    browser,
    calendar_of,
    page_of,
    role_of,
    token_of,
)


def second_admin(company: Company) -> User:
    with unit_of_work.acting_for(unit_of_work.STAFF):
        person = create.add_person(
            email=f"second@{company.number.lower()}.example",
            name="Second Admin",
            password=PASSWORD,
            at=NOW,
        )
        create.add_member(company.id, user=person, role=Role.ADMIN, by="test", at=NOW)
    return person


def no_broker(*_: Any, **__: Any) -> None:
    raise ConnectionError


def test_an_admin_changes_a_role_at_once(alice: Company) -> None:
    viewer = alice.people["viewer"]
    theirs = browser(viewer)
    assert theirs.get("/people/invite").status_code == 403
    admin = admin_of(alice)
    page = admin.get(page_of(viewer)).content.decode()
    assert viewer.email in page
    answer = admin.post(f"{page_of(viewer)}/role", {"role": "admin"}, follow=True)
    assert "now has the role tenant admin." in answer.content.decode()
    assert theirs.get("/people/invite").status_code == 200
    with unit_of_work.acting_for(alice.id, reading=True):
        entry = AuditEntry.objects.get(act="member-changed")
    assert entry.details == {"role": "admin", "was": "viewer"}
    same = admin.post(f"{page_of(viewer)}/role", {"role": "admin"}, follow=True)
    assert "That is so already" in same.content.decode()
    wrong = admin.post(f"{page_of(viewer)}/role", {"role": "owner"})
    assert wrong.status_code == 404


@pytest.mark.parametrize("act", ["role", "remove", "reset-factors"])
def test_only_admins_of_the_same_tenant_touch_a_member(
    alice: Company, charlie: Company, act: str
) -> None:
    viewer = alice.people["viewer"]
    for client in (browser(alice.people["uploader"]), admin_of(charlie)):
        answer = client.post(f"{page_of(viewer)}/{act}", {"role": "admin"})
        assert answer.status_code in {403, 404}
    assert admin_of(charlie).get(page_of(viewer)).status_code == 404
    assert role_of(viewer, alice) == "viewer"
    assert "member-removed" not in acts(alice)


def test_the_page_of_a_removal_names_the_tokens_that_end(alice: Company) -> None:
    uploader = alice.people["uploader"]
    admin = admin_of(alice)
    assert "No API tokens are revoked" in admin.get(page_of(uploader)).content.decode()
    token_of(alice, uploader)
    page = admin.get(page_of(uploader)).content.decode()
    assert "These API tokens are revoked." in page
    assert "<bdi>nightly</bdi>" in page


def test_nothing_works_after_a_removal_with_the_broker_dead_and_no_worker(
    alice: Company,
    charlie: Company,
    api: Callable[..., Any],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    uploader = alice.people["uploader"]
    with unit_of_work.acting_for(unit_of_work.STAFF):
        create.add_member(
            charlie.id, user=uploader, role=Role.VIEWER, by="test", at=NOW
        )
    monkeypatch.setattr(celery.app, "send_task", no_broker)
    theirs = [browser(uploader), browser(uploader)]
    feed = calendar_of(theirs[0])
    token, other = token_of(alice, uploader), token_of(charlie, uploader)
    assert theirs[1].get("/files").status_code == 200
    assert Client().get(feed).status_code == 200
    assert api("GET", "/files", token=token).status_code == 200
    admin_of(alice).post(f"{page_of(uploader)}/remove")
    assert [client.get("/files").status_code for client in theirs] == [302, 302]
    assert Client().get(feed).status_code == 404
    assert api("GET", "/files", token=token).status_code == 401
    # What belongs to another company goes on.
    assert api("GET", "/files", token=other).status_code == 200
    assert browser(uploader).get("/").content.count(b"Charlie Cargo") >= 1
    # The token of somebody else goes on too.
    assert api("GET", "/files", token=alice.token).status_code == 200
    assert acts(alice)[-3:] == [
        "token-revoked",
        "calendar-address-removed",
        "member-removed",
    ]
    with unit_of_work.acting_for(unit_of_work.STAFF, reading=True):
        ended = SecurityEvent.objects.filter(kind=EventKind.SESSION_ENDED)
        assert {one.actor for one in ended} == {alice.people["admin"].email}
        assert ended.count() == 2


def test_a_removal_that_fails_leaves_everything(
    alice: Company, api: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    uploader = alice.people["uploader"]
    theirs = browser(uploader)
    feed, token = calendar_of(theirs), token_of(alice, uploader)
    admin = Client(raise_request_exception=False)
    admin.force_login(alice.people["admin"])

    def broken(*_: Any, **__: Any) -> None:
        raise RuntimeError

    monkeypatch.setattr("portal.audit.log.append", broken)
    assert admin.post(f"{page_of(uploader)}/remove").status_code == 500
    monkeypatch.undo()
    assert theirs.get("/files").status_code == 200
    assert Client().get(feed).status_code == 200
    assert api("GET", "/files", token=token).status_code == 200


def test_the_last_admin_cannot_leave_or_be_demoted(alice: Company) -> None:
    person = alice.people["admin"]
    admin = admin_of(alice)
    answer = admin.post(f"{page_of(person)}/role", {"role": "viewer"}, follow=True)
    assert "This is the last tenant admin." in answer.content.decode()
    answer = admin.post("/people/leave")
    assert answer.status_code == 422
    assert "This is the last tenant admin." in answer.content.decode()
    # An admin whose account is closed does not count.
    other = second_admin(alice)
    with unit_of_work.acting_for(unit_of_work.STAFF):
        User.objects.filter(pk=other.pk).update(is_active=False)
    assert admin.post("/people/leave").status_code == 422
    assert role_of(person, alice) == "admin"


def test_somebody_leaves_by_themselves_and_is_signed_out(alice: Company) -> None:
    viewer = alice.people["viewer"]
    client = browser(viewer)
    page = client.get("/people/leave").content.decode()
    assert "Leave <bdi>Alice Assurance</bdi>" in page
    assert client.post("/people/leave").headers["Location"] == "/sign-in"
    assert client.get("/files").status_code == 302
    assert role_of(viewer, alice) is None
    assert acts(alice)[-1] == "member-left"
    # Removing oneself leads to the page of leaving.
    admin = alice.people["admin"]
    answer = admin_of(alice).post(f"{page_of(admin)}/remove")
    assert answer.headers["Location"] == "/people/leave"


def test_of_two_admins_who_remove_each_other_at_once_one_wins(
    alice: Company,
) -> None:
    pair = [alice.people["admin"], second_admin(alice)]

    def remove(number: int) -> str:
        me, other = pair[number], pair[1 - number]
        caller = user_caller(me, wanted_tenant=alice.id, presented=PresentedFactors())
        try:
            barrier.wait()
            with unit_of_work.acting_for(alice.id):
                members.remove(
                    alice.id, other.pk, by=caller, origin=Origin(), at=timezone.now()
                )
        except Refused as refusal:
            return refusal.code
        finally:
            connections.close_all()
        return "removed"

    barrier = Barrier(2)
    with ThreadPoolExecutor(2) as pool:
        outcomes = sorted(pool.map(remove, [0, 1]))
    assert outcomes == ["removed", "role-lost"]
    with unit_of_work.acting_for(alice.id, reading=True):
        assert Membership.objects.filter(role=Role.ADMIN).count() == 1


def test_of_two_admins_who_leave_at_once_one_stays(alice: Company) -> None:
    pair = [alice.people["admin"], second_admin(alice)]

    def leave(person: User) -> str:
        caller = user_caller(
            person, wanted_tenant=alice.id, presented=PresentedFactors()
        )
        try:
            with unit_of_work.acting_for(alice.id):
                members.remove(
                    alice.id, person.pk, by=caller, origin=Origin(), at=timezone.now()
                )
        except Refused as refusal:
            return refusal.code
        finally:
            connections.close_all()
        return "left"

    with ThreadPoolExecutor(2) as pool:
        assert sorted(pool.map(leave, pair)) == ["last-admin", "left"]


def test_an_admin_who_was_demoted_meanwhile_is_told(alice: Company) -> None:
    other = second_admin(alice)
    caller = user_caller(other, wanted_tenant=alice.id, presented=PresentedFactors())
    admin_of(alice).post(f"{page_of(other)}/role", {"role": "viewer"})
    with (
        pytest.raises(Refused, match="role-lost"),
        unit_of_work.acting_for(alice.id),
    ):
        members.remove(
            alice.id,
            alice.people["viewer"].pk,
            by=caller,
            origin=Origin(),
            at=timezone.now(),
        )
    assert role_of(alice.people["viewer"], alice) == "viewer"


def test_the_trail_says_whose_calendar_link_a_removal_has_ended(
    alice: Company,
) -> None:
    viewer = alice.people["viewer"]
    calendar_of(browser(viewer))
    admin_of(alice).post(f"{page_of(viewer)}/remove")
    with unit_of_work.acting_for(alice.id, reading=True):
        entry = AuditEntry.objects.get(act="calendar-address-removed")
    assert (entry.actor, entry.subject) == (
        alice.people["admin"].email,
        viewer.email,
    )
