"""Pages of sessions: one's own, those of a tenant's people, those of anybody."""

from typing import Any

import pytest
from django.test import Client
from django.utils import timezone

from portal.audit import log as audit_log
from portal.db import unit_of_work
from portal.jobs import wakeup
from portal.models import (
    AuditEntry,
    EventKind,
    Role,
    Session,
    StaffRole,
)
from portal.templatetags.shown import zoned
from portal.tenants import create
from tests.billing.staff.staff_clients import staff_client
from tests.builders import NOW, Company
from tests.portal.accounts.sign_in_form import is_signed_in, sign_in
from tests.portal.security_events.recorded import events

ADMIN, VIEWER = "admin@a-100.example", "viewer@a-100.example"
FIREFOX = {"User-Agent": "Mozilla/5.0 (Windows NT 10.0) Firefox/140.0"}


def signed_in(email: str, **more: Any) -> Client:
    client = Client(**more)
    sign_in(client, email)
    return client


def reference_at(address: str) -> str:
    return str(Session.objects.get(address=address).reference)


def ended() -> list[dict[str, Any]]:
    return events(EventKind.SESSION_ENDED)


def trail(tenant_id: int | None) -> list[tuple[str, str, str]]:
    with unit_of_work.acting_for(unit_of_work.STAFF, reading=True):
        assert audit_log.first_break(tenant_id=tenant_id) is None
        found = AuditEntry.objects.filter(tenant=tenant_id, act="sessions-ended")
        return list(found.values_list("actor", "act", "subject"))


def test_a_person_sees_where_they_are_signed_in(alice: Company) -> None:
    here = signed_in(VIEWER, headers=FIREFOX, REMOTE_ADDR="192.0.2.1")
    signed_in(VIEWER, REMOTE_ADDR="192.0.2.2")
    signed_in(ADMIN, REMOTE_ADDR="192.0.2.3")
    page = here.get("/sessions").content.decode()
    assert "You are signed in with 2 browsers." in page
    assert "Firefox on Windows" in page
    assert "an unknown browser" in page
    assert "192.0.2.2" in page
    assert "192.0.2.3" not in page
    assert page.count("this session") == 1
    begun_at = Session.objects.get(address="192.0.2.1").begun_at
    assert begun_at is not None
    assert zoned(begun_at, alice.zone) in page


def test_a_person_ends_one_session_or_all_others(alice: Company) -> None:
    here, second, third = (
        signed_in(VIEWER, REMOTE_ADDR=f"192.0.2.{n}") for n in range(1, 4)
    )
    stranger = signed_in(ADMIN)
    page = here.post(
        "/sessions/end", {"session": reference_at("192.0.2.2")}, follow=True
    )
    assert b"1 session has ended." in page.content
    assert [is_signed_in(one) for one in (here, second, third)] == [True, False, True]
    here.post("/sessions/end", {"session": "all"})
    assert [is_signed_in(one) for one in (here, third)] == [True, False]
    assert is_signed_in(stranger)
    assert [one["details"] for one in ended()] == [{"reason": "person"}] * 2


def test_a_session_can_end_itself(alice: Company) -> None:
    here = signed_in(VIEWER, REMOTE_ADDR="192.0.2.1")
    here.post("/sessions/end", {"session": reference_at("192.0.2.1")})
    assert not is_signed_in(here)


def test_nobody_ends_a_session_of_somebody_else(alice: Company) -> None:
    other = signed_in(ADMIN, REMOTE_ADDR="192.0.2.9")
    here = signed_in(VIEWER)
    page = here.post(
        "/sessions/end", {"session": reference_at("192.0.2.9")}, follow=True
    )
    assert b"This session had ended already" in page.content
    for text in ("", "x", "%00", "0" * 400):
        assert here.post("/sessions/end", {"session": text}).status_code == 404
    assert is_signed_in(other)


def test_an_admin_ends_sessions_of_their_people(alice: Company) -> None:
    admin = signed_in(ADMIN)
    viewer = signed_in(VIEWER, REMOTE_ADDR="192.0.2.5", headers=FIREFOX)
    path = f"/people/{alice.people['viewer'].pk}/sessions"
    page = admin.get(path).content.decode()
    assert "192.0.2.5" in page
    assert "Firefox on Windows" in page
    admin.post(f"{path}/end", {"session": "all"})
    assert not is_signed_in(viewer)
    assert is_signed_in(admin)
    assert b"this person is not signed in" in admin.get(path).content
    [event] = ended()
    assert event["actor"] == ADMIN
    assert event["details"] == {"reason": "somebody-else"}
    assert trail(alice.id) == [(ADMIN, "sessions-ended", VIEWER)]


def test_ending_works_while_the_broker_is_away(
    alice: Company, monkeypatch: pytest.MonkeyPatch
) -> None:
    def away(*_: Any) -> None:
        raise ConnectionError

    monkeypatch.setattr(wakeup, "wake", away, raising=False)
    admin, viewer = signed_in(ADMIN), signed_in(VIEWER)
    path = f"/people/{alice.people['viewer'].pk}/sessions/end"
    assert admin.post(path, {"session": "all"}).status_code == 302
    assert not is_signed_in(viewer)


def test_an_admin_reaches_nobody_of_another_tenant(
    alice: Company, charlie: Company
) -> None:
    admin = signed_in(ADMIN)
    theirs = charlie.people["viewer"]
    other = signed_in(theirs.email)
    for path in (theirs.pk, 0, 10**30):
        address = f"/people/{path}/sessions"
        assert admin.get(address).status_code == 404
        assert admin.post(f"{address}/end", {"session": "all"}).status_code == 404
    assert is_signed_in(other)
    viewer = signed_in(VIEWER)
    mine = f"/people/{alice.people['admin'].pk}/sessions"
    assert viewer.get(mine).status_code == 403
    assert viewer.post(f"{mine}/end", {"session": "all"}).status_code == 403
    assert is_signed_in(admin)


def test_the_sessions_of_a_partner_end_for_all_tenants(
    alice: Company, charlie: Company
) -> None:
    partner = charlie.people["viewer"]
    with unit_of_work.acting_for(unit_of_work.STAFF):
        create.add_member(alice.id, user=partner, role=Role.VIEWER, by="test", at=NOW)
    session, admin = signed_in(partner.email), signed_in(ADMIN)
    path = f"/people/{partner.pk}/sessions"
    page = admin.get(path).content
    assert b"Charlie" not in page.replace(partner.name.encode(), b"")
    admin.post(f"{path}/end", {"session": "all"})
    assert not is_signed_in(session)
    assert len(trail(alice.id)) == 1
    assert trail(charlie.id) == []


@pytest.mark.parametrize("way", ["{}/sessions/end", "members/{}/remove"])
def test_the_other_tenant_of_a_partner_does_not_learn_who_has_ended_sessions(
    alice: Company, charlie: Company, way: str
) -> None:
    partner = charlie.people["viewer"]
    with unit_of_work.acting_for(unit_of_work.STAFF):
        create.add_member(alice.id, user=partner, role=Role.VIEWER, by="test", at=NOW)
    signed_in(partner.email)
    admin = signed_in(ADMIN, REMOTE_ADDR="192.0.2.99")
    admin.post(f"/people/{way.format(partner.pk)}", {"session": "all"})
    [event] = ended()
    assert event["actor"] == ADMIN
    theirs = Client()
    theirs.force_login(charlie.people["admin"])
    page = theirs.get("/people/security-events").content.decode()
    assert partner.email in page
    assert ADMIN not in page
    assert "192.0.2.99" not in page
    ours = admin.get("/people/security-events").content.decode()
    assert "Session ended" in ours.partition("<table")[2]


def test_staff_end_sessions_of_anybody(alice: Company) -> None:
    viewer = signed_in(VIEWER, REMOTE_ADDR="192.0.2.5")
    clerk = staff_client(StaffRole.CLERK)
    path = f"/staff/people/{alice.people['viewer'].pk}/sessions"
    assert b"192.0.2.5" in clerk.get(path).content
    clerk.post(f"{path}/end", {"session": reference_at("192.0.2.5")})
    assert not is_signed_in(viewer)
    assert len(trail(alice.id)) == 1
    # Staff have no tenant: it is in their own trail.
    auditor = staff_client(StaffRole.AUDITOR)
    [person] = {
        one.user_id
        for one in Session.objects.filter(user__staff_role=StaffRole.AUDITOR)
    }
    address = f"/staff/people/{person}/sessions"
    assert auditor.get(address).status_code == 200
    assert auditor.post(f"{address}/end", {"session": "all"}).status_code == 403
    clerk.post(f"{address}/end", {"session": "all"})
    assert auditor.get("/staff/").status_code == 302
    assert len(trail(None)) == 1
    assert clerk.get("/staff/people/999999/sessions").status_code == 404
    unknown = "/staff/people/999999/sessions/end"
    assert clerk.post(unknown, {"session": "all"}).status_code == 404


def test_an_ended_session_is_in_no_list(alice: Company) -> None:
    here = signed_in(VIEWER)
    signed_in(VIEWER, REMOTE_ADDR="192.0.2.5")
    Session.objects.filter(address="192.0.2.5").update(expire_date=timezone.now())
    page = here.get("/sessions").content
    assert b"192.0.2.5" not in page
    assert b"End all other sessions" not in page
