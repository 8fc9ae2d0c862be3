"""The page *Staff*: who sees and who acts, roles, the last clerk, closed accounts."""

from concurrent.futures import ThreadPoolExecutor

import pytest
from allauth.mfa.models import Authenticator
from django.db import connections
from django.test import Client
from django.utils import timezone

from portal.accounts.caller import user_caller
from portal.accounts.sign_in_facts import PresentedFactors
from portal.db import unit_of_work
from portal.errors import Refused
from portal.models import StaffRole, User
from portal.people import staff as staff_people
from portal.security_events.record import Origin
from portal.tenants import create
from tests.billing.staff.staff_clients import signed_in, staff
from tests.builders import NOW, PASSWORD, Company
from tests.portal.people.invited import acts


def another_clerk() -> User:
    with unit_of_work.acting_for(unit_of_work.STAFF):
        return create.add_person(
            email="other@vendor.example",
            name="Other Clerk",
            password=PASSWORD,
            staff_role=StaffRole.CLERK,
            at=NOW,
        )


def role(person: User) -> str:
    return User.objects.get(pk=person.pk).staff_role


def test_the_list_shows_roles_factors_and_sessions(alice: Company) -> None:
    clerk = staff(StaffRole.CLERK)
    auditor = staff(StaffRole.AUDITOR)
    Authenticator.objects.create(user=auditor, type="webauthn", data={})
    client = signed_in(auditor)
    page = client.get("/staff/people").content.decode()
    assert clerk.email in page
    assert "passkey" in page
    # Auditors see it; they have no button.
    assert "Invite to the billing staff" not in page
    assert (
        "Close the account"
        not in client.get(f"/staff/people/{clerk.pk}").content.decode()
    )
    assert "Invite to the billing staff" in (
        signed_in(clerk).get("/staff/people").content.decode()
    )
    # A member is not among the staff.
    assert alice.people["admin"].email not in page


@pytest.mark.parametrize("act", ["role", "close", "reset-factors"])
def test_an_auditor_and_a_member_act_on_nobody(alice: Company, act: str) -> None:
    clerk, auditor = staff(StaffRole.CLERK), staff(StaffRole.AUDITOR)
    for person in (auditor, alice.people["admin"]):
        client = signed_in(person)
        answer = client.post(f"/staff/people/{clerk.pk}/{act}", {"role": "auditor"})
        assert answer.status_code == 403
    assert role(clerk) == "clerk"


def test_a_clerk_changes_a_role_and_the_trail_of_the_staff_says_so(db: None) -> None:
    client = signed_in(staff(StaffRole.CLERK))
    auditor = staff(StaffRole.AUDITOR)
    path = f"/staff/people/{auditor.pk}/role"
    answer = client.post(path, {"role": "clerk"}, follow=True)
    assert "Auditor now has the role billing clerk." in answer.content.decode()
    assert role(auditor) == "clerk"
    assert acts(None) == ["staff-role-changed"]
    assert client.post(path, {"role": "admin"}).status_code == 404
    same = client.post(path, {"role": "clerk"}, follow=True)
    assert "That is so already" in same.content.decode()


def test_the_last_clerk_cannot_go(db: None) -> None:
    clerk = staff(StaffRole.CLERK)
    staff(StaffRole.AUDITOR)
    client = signed_in(clerk)
    for act in ("role", "close"):
        answer = client.post(
            f"/staff/people/{clerk.pk}/{act}", {"role": "auditor"}, follow=True
        )
        assert "This is the last billing clerk." in answer.content.decode()
    other = another_clerk()
    client.post(f"/staff/people/{clerk.pk}/close")
    assert client.get("/staff/people").status_code == 302
    assert not User.objects.get(pk=clerk.pk).is_active
    assert User.objects.get(pk=other.pk).is_active


def test_of_two_clerks_who_close_each_others_accounts_at_once_one_wins(
    db: None,
) -> None:
    pair = [staff(StaffRole.CLERK), another_clerk()]

    def close(number: int) -> str:
        caller = user_caller(
            pair[number], wanted_tenant=None, presented=PresentedFactors()
        )
        try:
            with unit_of_work.acting_for(unit_of_work.STAFF):
                staff_people.close_account(
                    pair[1 - number].pk,
                    by=caller,
                    origin=Origin(),
                    at=timezone.now(),
                )
        except Refused as refusal:
            return refusal.code
        finally:
            connections.close_all()
        return "closed"

    with ThreadPoolExecutor(2) as pool:
        assert sorted(pool.map(close, [0, 1])) == ["closed", "role-lost"]
    assert User.objects.filter(is_active=True).count() == 1


def test_factors_of_another_are_reset_and_never_ones_own(db: None) -> None:
    clerk, auditor = staff(StaffRole.CLERK), staff(StaffRole.AUDITOR)
    Authenticator.objects.create(user=auditor, type="totp", data={})
    theirs = signed_in(auditor)
    client = signed_in(clerk)
    assert "authenticator app" in (
        client.get(f"/staff/people/{auditor.pk}").content.decode()
    )
    client.post(f"/staff/people/{auditor.pk}/reset-factors")
    assert not Authenticator.objects.exists()
    assert theirs.get("/staff/people").status_code == 302
    answer = client.post(f"/staff/people/{clerk.pk}/reset-factors", follow=True)
    assert "You cannot do this for yourself" in answer.content.decode()
    assert acts(None) == ["second-factor-reset"]


def test_nobody_is_found_by_a_number_that_is_nobodys(db: None) -> None:
    client: Client = signed_in(staff(StaffRole.CLERK))
    for path in ("/staff/people/999", f"/staff/people/{10**20}"):
        assert client.get(path).status_code == 404
        assert client.post(f"{path}/close").status_code == 404
        assert client.post(f"{path}/role", {"role": "clerk"}).status_code == 404
