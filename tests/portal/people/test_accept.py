"""Links of invitations: opened by scanners, used twice, late, by the wrong person."""

from datetime import timedelta

import pytest
import time_machine
from django.test import Client
from django.utils import timezone

from portal.accounts.caller import SESSION_TENANT
from portal.db import unit_of_work
from portal.models import (
    EventKind,
    Membership,
    Role,
    SecurityEvent,
    StaffRole,
    Tenant,
    User,
)
from portal.tenants import create
from tests.billing.staff.staff_clients import signed_in, staff
from tests.builders import NOW, Company
from tests.portal.accounts.sign_in_form import is_signed_in, sign_in
from tests.portal.people.invited import (
    ACCOUNT,
    CHOSEN,
    NEW,
    acts,
    admin_of,
    assert_refused,
    browser,
    invitations,
    link_for,
    person,
    refused_links,
    role_of,
    send_mails,
)


def test_a_new_person_chooses_name_and_password_and_is_in(alice: Company) -> None:
    path = link_for(admin_of(alice), role="uploader")
    client = Client()
    page = client.get(path).content.decode()
    assert "You are invited to <bdi>Alice Assurance</bdi>" in page
    assert alice.people["admin"].email in page
    assert "Your role: uploader." in page
    answer = client.post(path, ACCOUNT)
    assert answer.headers["Location"] == "/"
    assert is_signed_in(client)
    assert role_of(NEW, alice) == "uploader"
    user = User.objects.get(email=NEW)
    assert user.name == "Zoe New"
    assert is_signed_in_again(CHOSEN)
    assert acts(alice)[-1] == "invitation-accepted"
    with unit_of_work.acting_for(unit_of_work.STAFF, reading=True):
        kinds = set(
            SecurityEvent.objects.filter(user=user).values_list("kind", flat=True)
        )
    assert EventKind.SIGNED_IN in kinds
    admin = alice.people["admin"].email
    [told] = [mail for mail in send_mails() if mail.to == [admin]]
    assert "Zoe New has joined Alice Assurance." in told.body


def is_signed_in_again(password: str) -> bool:
    client = Client()
    sign_in(client, NEW, password)
    return is_signed_in(client)


def test_a_scanner_that_opens_the_link_first_changes_nothing(alice: Company) -> None:
    path = link_for(admin_of(alice))
    before = acts(alice)
    for method in ("get", "head"):
        for _ in range(3):
            assert getattr(Client(), method)(path).status_code == 200
    assert acts(alice) == before
    assert invitations()[0].accepted_at is None
    assert refused_links() == []
    assert Client().post(path, ACCOUNT).headers["Location"] == "/"


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"name": "  "}, "name"),
        ({"password1": "short", "password2": "short"}, "password1"),
        ({"password2": "another goose walks"}, "password2"),
    ],
)
def test_a_wrong_name_or_password_is_shown_and_nobody_is_added(
    alice: Company, change: dict[str, str], field: str
) -> None:
    path = link_for(admin_of(alice))
    answer = Client().post(path, {**ACCOUNT, **change})
    assert answer.status_code == 422
    assert list(answer.context["form"].errors) == [field]
    assert not User.objects.filter(email=NEW).exists()


def test_an_account_signs_in_first_and_then_accepts(
    alice: Company, charlie: Company
) -> None:
    partner = charlie.people["viewer"]
    path = link_for(admin_of(alice), partner.email, role="admin")
    client = Client()
    page = client.get(path).content.decode()
    assert "Sign in first" in page
    assert f"/sign-in?next={path}" in page
    # The link alone is not enough, neither for the account nor for a new password.
    assert_refused(
        client.post(path, ACCOUNT), "account-exists", status=409, told="has an account"
    )
    assert client.post(f"{path}/accept").headers["Location"].startswith("/sign-in")
    assert role_of(partner, alice) is None
    answer = sign_in(client, partner.email, data={"next": path})
    assert answer.headers["Location"] == path
    assert "Accept the invitation" in client.get(path).content.decode()
    page = client.post(f"{path}/accept", follow=True).content.decode()
    assert role_of(partner, alice) == "admin"
    assert role_of(partner, charlie) == "viewer"
    # The new company is the one that the person acts for.
    assert client.session[SESSION_TENANT] == alice.id


def test_somebody_else_sees_nothing_of_the_invitation(
    alice: Company, charlie: Company
) -> None:
    path = link_for(admin_of(alice))
    client = browser(charlie.people["admin"])
    for answer in (
        client.get(path),
        client.post(path, ACCOUNT),
        client.post(f"{path}/accept"),
    ):
        assert_refused(
            answer,
            "link-of-another",
            status=403,
            told="another account than the one you",
        )
        page = answer.content.decode()
        assert NEW not in page
        assert "Alice" not in page
        assert charlie.people["admin"].email in page
    assert not User.objects.filter(email=NEW).exists()


def test_a_link_works_once(alice: Company) -> None:
    path = link_for(admin_of(alice))
    client = Client()
    client.post(path, ACCOUNT)
    for answer in (client.get(path), client.post(f"{path}/accept")):
        assert_refused(answer, "link-used", status=409, told="used already")
    again = Client().post(path, {**ACCOUNT, "name": "Mallory"})
    assert_refused(again, "link-used", status=409, told="used already")
    assert User.objects.get(email=NEW).name == "Zoe New"


def test_a_link_works_for_three_days(alice: Company) -> None:
    path = link_for(admin_of(alice))
    with time_machine.travel(timezone.now() + timedelta(days=3), tick=False):
        assert_refused(
            Client().post(path, ACCOUNT), "link-expired", status=409, told="too old"
        )
    with time_machine.travel(
        timezone.now() + timedelta(days=3, minutes=-1), tick=False
    ):
        assert Client().get(path).status_code == 200


@pytest.mark.parametrize("secret", ["x", "x" * 43, "%00", "%F0%9F%98%80", "x" * 2000])
def test_a_guessed_link_is_refused(alice: Company, secret: str) -> None:
    answer = Client().get(f"/invitations/{secret}")
    assert_refused(answer, "link-unknown", status=404, told="does not work")


def test_an_invitation_dies_with_the_role_of_its_inviter(alice: Company) -> None:
    paths = [
        link_for(admin_of(alice)),
        link_for(admin_of(alice), "yan@a-100.example"),
    ]
    with unit_of_work.acting_for(unit_of_work.STAFF):
        rows = Membership.objects.filter(user=alice.people["admin"])
        rows.update(role=Role.UPLOADER)
    assert_refused(
        Client().post(paths[0], ACCOUNT),
        "inviter-gone",
        status=409,
        told="may no longer invite people",
    )
    with unit_of_work.acting_for(unit_of_work.STAFF):
        rows.update(role=Role.ADMIN)
        User.objects.filter(pk=alice.people["admin"].pk).update(is_active=False)
    assert_refused(Client().get(paths[1]), "inviter-gone", status=409, told="no longer")
    assert role_of(NEW, alice) is None


def test_staff_are_never_members_of_a_tenant(alice: Company) -> None:
    clerk = staff(StaffRole.CLERK)
    path = link_for(admin_of(alice), clerk.email)
    client = signed_in(clerk)
    for answer in (client.get(path), client.post(f"{path}/accept")):
        assert_refused(answer, "staff-no-member", status=409, told="cannot be members")
    assert role_of(clerk, alice) is None


def test_somebody_who_is_a_member_meanwhile_keeps_the_role(alice: Company) -> None:
    zoe = person()
    path = link_for(admin_of(alice), role="admin")
    with unit_of_work.acting_for(unit_of_work.STAFF):
        create.add_member(alice.id, user=zoe, role="viewer", by="test", at=NOW)
    answer = browser(zoe).post(f"{path}/accept")
    assert_refused(answer, "member-already", status=409, told="a member already")
    assert role_of(zoe, alice) == "viewer"


def test_a_closed_account_accepts_nothing(alice: Company) -> None:
    zoe = person()
    path = link_for(admin_of(alice))
    with unit_of_work.acting_for(unit_of_work.STAFF):
        User.objects.filter(pk=zoe.pk).update(is_active=False)
    answer = Client().get(path)
    assert_refused(answer, "account-closed", status=403, told="account is closed")


def test_a_tenant_that_requires_a_second_factor_gets_it_after_accepting(
    alice: Company,
) -> None:
    path = link_for(admin_of(alice))
    with unit_of_work.acting_for(alice.id):
        Tenant.objects.update(requires_second_factor=True)
    client = Client()
    client.post(path, ACCOUNT)
    assert role_of(NEW, alice) == "viewer"
    assert client.get("/").status_code != 200


def test_no_page_of_a_link_is_stored_by_a_browser(alice: Company) -> None:
    path = link_for(admin_of(alice))
    for page in (path, "/invitations/guessed"):
        assert "no-store" in Client().get(page).headers["Cache-Control"]
