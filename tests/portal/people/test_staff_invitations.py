"""Invitations that the billing staff make: tenant admins, and staff."""

from portal.models import StaffRole
from tests.billing.staff.staff_clients import signed_in, staff
from tests.builders import Company
from tests.portal.people.invited import NEW, acts, admin_of, invitations, link_for


def test_a_clerk_invites_a_tenant_admin_and_an_auditor_nobody(alice: Company) -> None:
    clerk = signed_in(staff(StaffRole.CLERK))
    page = f"/staff/tenants/{alice.number}/people"
    answer = clerk.post(f"{page}/invite", {"address": NEW}, follow=True)
    assert "is on its way to zoe@a-100.example" in answer.content.decode()
    [row] = invitations()
    assert (row.role, row.invited_by_text) == ("admin", "clerk@vendor.example")
    assert NEW in clerk.get(page).content.decode()
    clerk.post(f"{page}/invitations/{row.pk}/again")
    clerk.post(f"{page}/invitations/{row.pk}/withdraw")
    assert acts(alice)[-3:] == [
        "person-invited",
        "invitation-sent-again",
        "invitation-withdrawn",
    ]
    wrong = clerk.post(f"{page}/invite", {"address": "nobody"})
    assert wrong.status_code == 422
    member = clerk.post(f"{page}/invite", {"address": alice.people["admin"].email})
    assert "is a member already" in member.content.decode()
    auditor = signed_in(staff(StaffRole.AUDITOR))
    assert auditor.post(f"{page}/invite", {"address": NEW}).status_code == 403
    assert "Send the invitation" not in auditor.get(page).content.decode()


def test_an_invitation_of_one_tenant_is_not_found_below_another(
    alice: Company, charlie: Company
) -> None:
    link_for(admin_of(alice))
    [row] = invitations()
    clerk = signed_in(staff(StaffRole.CLERK))
    page = f"/staff/tenants/{charlie.number}/people/invitations/{row.pk}"
    assert clerk.post(f"{page}/withdraw").status_code == 404


def test_a_clerk_invites_to_the_staff_but_no_member_and_nobody_twice(
    alice: Company,
) -> None:
    clerk = signed_in(staff(StaffRole.CLERK))
    staff(StaffRole.AUDITOR)
    new = {"address": "nils@vendor.example", "role": "auditor", "name": "Nils"}
    answer = clerk.post("/staff/people/invite", new, follow=True)
    assert "is on its way to nils@vendor.example" in answer.content.decode()
    for address, told in (
        (alice.people["viewer"].email, "cannot join the billing staff"),
        ("auditor@vendor.example", "belongs to the billing staff already"),
        ("nils@vendor.example", "open invitation already"),
    ):
        page = clerk.post("/staff/people/invite", {**new, "address": address})
        assert told in page.content.decode()
        assert page.status_code == 422
    [row] = invitations()
    assert (row.tenant_id, row.staff_role) == (None, "auditor")
    clerk.post(f"/staff/people/invitations/{row.pk}/again")
    clerk.post(f"/staff/people/invitations/{row.pk}/withdraw")
    assert acts(None) == [
        "person-invited",
        "invitation-sent-again",
        "invitation-withdrawn",
    ]
