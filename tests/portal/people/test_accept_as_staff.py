"""Invitations that are accepted to the billing staff, and races of accepts."""

from concurrent.futures import ThreadPoolExecutor
from typing import Any

from django.db import connections
from django.test import Client
from django.utils import timezone

from portal.db import unit_of_work
from portal.errors import Refused
from portal.models import (
    StaffRole,
    User,
)
from portal.people import accept
from portal.tenants import create
from tests.billing.staff.staff_clients import signed_in, staff
from tests.builders import NOW, Company
from tests.portal.people.invited import (
    ACCOUNT,
    CHOSEN,
    NEW,
    acts,
    admin_of,
    assert_refused,
    browser,
    link_for,
    path_in,
    person,
    role_of,
    send_mails,
)


def staff_link(role: str = "auditor", address: str = "nils@vendor.example") -> str:
    clerk = signed_in(staff(StaffRole.CLERK))
    clerk.post("/staff/people/invite", {"address": address, "role": role})
    [message] = send_mails()
    return path_in(message)


def test_a_member_does_not_become_staff_by_a_link_from_before(alice: Company) -> None:
    zoe = person("nils@vendor.example")
    path = staff_link()
    with unit_of_work.acting_for(unit_of_work.STAFF):
        create.add_member(alice.id, user=zoe, role="viewer", by="test", at=NOW)
    client = browser(zoe)
    answer = client.post(f"{path}/accept")
    assert_refused(answer, "member-no-staff", status=409, told="cannot join")
    assert User.objects.get(pk=zoe.pk).staff_role == ""


def test_an_invitation_to_the_staff_makes_a_new_person_staff(
    db: None, settings: Any
) -> None:
    path = staff_link()
    client = Client()
    page = client.get(path).content.decode()
    assert "You are invited to the billing staff." in page
    assert "Your role: auditor." in page
    client.post(path, {**ACCOUNT, "name": "Nils"})
    user = User.objects.get(email="nils@vendor.example")
    assert user.staff_role == "auditor"
    assert acts(None)[-1] == "invitation-accepted"
    # A second factor comes before all else.
    settings.STAFF_SECOND_FACTOR = True
    assert client.get("/staff/").status_code != 200
    settings.STAFF_SECOND_FACTOR = False
    assert client.get("/staff/").status_code == 200


def test_an_account_without_a_tenant_becomes_staff_by_accepting(db: None) -> None:
    zoe = person("nils@vendor.example")
    path = staff_link("clerk")
    answer = browser(zoe).post(f"{path}/accept")
    assert answer.headers["Location"] == "/"
    assert User.objects.get(pk=zoe.pk).staff_role == "clerk"


def test_of_two_people_who_accept_at_once_one_wins(alice: Company) -> None:
    path = link_for(admin_of(alice))
    secret = path.rsplit("/", 1)[1]

    def take(name: str) -> str:
        try:
            accept.accept_as_new(secret, name=name, password=CHOSEN, at=timezone.now())
        except Refused as refusal:
            return refusal.code
        finally:
            connections.close_all()
        return "in"

    with ThreadPoolExecutor(4) as pool:
        outcomes = sorted(pool.map(take, ["Ada", "Bo", "Cy", "Di"]))
    assert outcomes == ["in", "link-used", "link-used", "link-used"]
    assert User.objects.filter(email=NEW).count() == 1
    assert acts(alice).count("invitation-accepted") == 1


def test_two_companies_that_invite_the_same_new_person_make_one_account(
    alice: Company, charlie: Company
) -> None:
    first = link_for(admin_of(alice))
    second = link_for(admin_of(charlie))
    client = Client()
    client.post(first, ACCOUNT)
    # The other link is a button now, and a sign-in for everybody else.
    assert "Sign in first" in Client().get(second).content.decode()
    client.post(f"{second}/accept")
    assert (role_of(NEW, alice), role_of(NEW, charlie)) == ("viewer", "viewer")
    assert User.objects.filter(email=NEW).count() == 1
