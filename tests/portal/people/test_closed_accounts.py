"""Second factors that admins require and reset, and accounts that staff close."""

from collections.abc import Callable
from typing import Any

from allauth.mfa.models import Authenticator
from django.test import Client

from billing.models import CalendarAddress
from portal.db import unit_of_work
from portal.models import (
    Role,
    Session,
    StaffRole,
    Tenant,
    User,
)
from portal.tenants import create
from tests.billing.staff.staff_clients import signed_in, staff
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


def factor(person: User, kind: str = "totp") -> None:
    Authenticator.objects.create(user=person, type=kind, data={})


def test_an_admin_sees_who_has_no_factor_before_requiring_one(alice: Company) -> None:
    factor(alice.people["admin"])
    admin = browser(alice.people["admin"])
    session = admin.session
    session["account_authentication_methods"] += [
        {
            "method": "mfa",
            "type": "totp",
            "at": session["account_authentication_methods"][0]["at"],
        }
    ]
    session.save()
    page = admin.get("/people/second-factor").content.decode()
    assert alice.people["viewer"].email in page
    assert alice.people["admin"].email not in page.partition("<main")[2]
    admin.post("/people/second-factor", {"wanted": "yes"})
    with unit_of_work.acting_for(alice.id, reading=True):
        assert Tenant.objects.get().requires_second_factor
    same = admin.post("/people/second-factor", {"wanted": "yes"}, follow=True)
    assert "That is so already" in same.content.decode()
    admin.post("/people/second-factor", {"wanted": "no"})
    assert acts(alice)[-2:] == ["second-factor-required", "second-factor-optional"]
    viewer = browser(alice.people["viewer"])
    assert viewer.post("/people/second-factor", {"wanted": "yes"}).status_code == 403


def test_an_admin_resets_the_factors_of_another_and_never_their_own(
    alice: Company,
) -> None:
    viewer = alice.people["viewer"]
    theirs = browser(viewer)
    factor(viewer)
    admin = admin_of(alice)
    assert "authenticator app" in admin.get(page_of(viewer)).content.decode()
    admin.post(f"{page_of(viewer)}/reset-factors")
    assert not Authenticator.objects.filter(user=viewer).exists()
    assert theirs.get("/files").status_code == 302
    assert not Session.objects.filter(user=viewer).exists()
    me = alice.people["admin"]
    answer = admin.post(f"{page_of(me)}/reset-factors", follow=True)
    assert "You cannot do this for yourself" in answer.content.decode()


def test_a_closed_account_opens_nothing_in_any_tenant(
    alice: Company, charlie: Company, api: Callable[..., Any]
) -> None:
    uploader = alice.people["uploader"]
    with unit_of_work.acting_for(unit_of_work.STAFF):
        create.add_member(
            charlie.id, user=uploader, role=Role.VIEWER, by="test", at=NOW
        )
    factor(uploader, "recovery_codes")
    theirs = browser(uploader)
    feed = calendar_of(theirs)
    both = [token_of(one, uploader) for one in (alice, charlie)]
    clerk = signed_in(staff(StaffRole.CLERK))
    page = clerk.get(f"/staff/people/{uploader.pk}").content.decode()
    assert page.count("<bdi>nightly</bdi>") == 2
    answer = clerk.post(f"/staff/people/{uploader.pk}/close", follow=True)
    assert "is closed, and all their access has ended." in answer.content.decode()
    assert theirs.get("/files").status_code == 302
    assert Client().get(feed).status_code == 404
    assert {api("GET", "/files", token=one).status_code for one in both} == {401}
    assert not Authenticator.objects.filter(user=uploader).exists()
    assert not CalendarAddress.objects.filter(user=uploader).values("pk").exists()
    client = Client()
    client.post("/sign-in", {"login": uploader.email, "password": PASSWORD})
    assert client.get("/").status_code == 302
    assert (role_of(uploader, alice), role_of(uploader, charlie)) == (None, None)
    assert acts(None)[-1] == "account-closed"
    assert acts(charlie)[-1] == "member-removed"
    assert clerk.post(f"/staff/people/{uploader.pk}/close").status_code == 404
