"""Pages of security events: whose a reader sees, filters, pages, and the download."""

from datetime import timedelta
from typing import Any

import pytest
from django.test import Client

from portal.db import unit_of_work
from portal.models import EventKind, Role, SecurityEvent, StaffRole, User
from portal.security_events.record import Origin, record
from portal.security_pages import queries, staff_views
from portal.tenants import create
from tests.billing.staff.staff_clients import staff_client
from tests.builders import NOW, Company
from tests.portal.accounts.sign_in_form import sign_in

ADMIN, VIEWER = "admin@a-100.example", "viewer@a-100.example"


def signed_in(email: str) -> Client:
    client = Client()
    sign_in(client, email)
    return client


def happened(
    kind: EventKind, user: User | None = None, *, n: int = 0, **more: Any
) -> None:
    record(
        kind,
        origin=Origin(f"192.0.2.{n}", "Firefox/1 Windows"),
        at=NOW + timedelta(minutes=n),
        user_id=user.pk if user else None,
        **more,
    )


def rows_of(client: Client, address: str) -> list[str]:
    response = client.get(address)
    assert response.status_code == 200, address
    return [one.address for one in response.context["events"]]


def test_a_person_sees_what_happened_to_them_alone(alice: Company) -> None:
    happened(EventKind.SIGN_IN_FAILED, alice.people["viewer"], n=1)
    happened(EventKind.SIGN_IN_FAILED, alice.people["admin"], n=2)
    happened(EventKind.SIGN_IN_FAILED, n=3)
    client = signed_in(VIEWER)
    rows = rows_of(client, "/security-events")
    assert "192.0.2.1" in rows
    assert not {"192.0.2.2", "192.0.2.3"} & set(rows)
    page = client.get("/security-events").content
    assert b"Sign-in failed" in page
    assert b"Firefox on Windows" in page
    assert ADMIN.encode() not in page


def test_an_admin_sees_their_people_and_nothing_of_other_tenants(
    alice: Company, charlie: Company
) -> None:
    partner = charlie.people["viewer"]
    with unit_of_work.acting_for(unit_of_work.STAFF):
        create.add_member(alice.id, user=partner, role=Role.VIEWER, by="test", at=NOW)
    happened(EventKind.SIGN_IN_FAILED, alice.people["viewer"], n=1)
    happened(EventKind.SIGN_IN_FAILED, partner, n=2)
    happened(EventKind.REFUSED, partner, n=3, tenant_id=alice.id)
    happened(EventKind.REFUSED, partner, n=4, tenant_id=charlie.id)
    happened(EventKind.SIGN_IN_FAILED, charlie.people["admin"], n=5)
    happened(EventKind.SIGN_IN_FAILED, n=6)
    happened(EventKind.TOKEN_REFUSED, n=7, tenant_id=alice.id, actor="token x")
    rows = set(rows_of(signed_in(ADMIN), "/people/security-events"))
    seen = {f"192.0.2.{n}" for n in range(1, 8)} & rows
    assert seen == {"192.0.2.1", "192.0.2.2", "192.0.2.3", "192.0.2.7"}
    # Whoever leaves takes what happened to them along.
    client = Client()
    client.force_login(alice.people["viewer"])
    assert client.get("/people/security-events").status_code == 403


@pytest.fixture
def three(alice: Company) -> Company:
    """Give a company to whose people three things happened."""
    happened(EventKind.SIGN_IN_FAILED, alice.people["viewer"], n=1)
    happened(EventKind.PASSWORD_CHANGED, alice.people["admin"], n=2)
    happened(EventKind.TOKEN_UNKNOWN, n=3, details={"digest": "0123abcd"})
    return alice


@pytest.mark.parametrize(
    ("query", "rows"),
    [
        ("", [3, 2, 1]),
        ("kind=password-changed", [2]),
        ("kind=no-such-kind", [3, 2, 1]),
        ("person=viewer", [1]),
        ("person=VIEWER@a-100.example", [1]),
        ("person=%25", []),
        ("network=192.0.2.3", [3]),
        ("network=192.0.2.", [3, 2, 1]),
        ("network=%00%27", []),
        ("day=2026-05-20", [3, 2, 1]),
        ("day=2026-05-21", []),
        ("day=31+May", [3, 2, 1]),
        ("kind=sign-in-failed&person=admin", []),
        ("before=x", [3, 2, 1]),
        ("before=99999999999999999-1", [3, 2, 1]),
        ("before=0-0", []),
    ],
)
def test_staff_see_everything_and_narrow_it(
    three: Company, query: str, rows: list[int]
) -> None:
    clerk = staff_client(StaffRole.CLERK)
    found = rows_of(clerk, f"/staff/security-events?{query}")
    assert [one for one in found if one.startswith("192.")] == [
        f"192.0.2.{n}" for n in rows
    ]


def test_pages_go_on_where_the_last_one_ended(
    alice: Company, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(queries, "PAGE", 2)
    for n in (1, 2, 2, 2, 3):
        happened(EventKind.SIGN_IN_FAILED, n=n)
    clerk, key, found = staff_client(StaffRole.CLERK), "", []
    for _ in range(4):
        page = clerk.get(f"/staff/security-events?kind=sign-in-failed&before={key}")
        found += [one.address for one in page.context["events"]]
        key = page.context["next_key"]
        if not key:
            break
        # Events that happen in the meantime move nothing.
        happened(EventKind.SIGN_IN_FAILED, n=9)
    assert found == [f"192.0.2.{n}" for n in (3, 2, 2, 2, 1)]


def test_the_download_has_the_same_filters(
    three: Company, monkeypatch: pytest.MonkeyPatch
) -> None:
    auditor = staff_client(StaffRole.AUDITOR)
    response = auditor.get("/staff/security-events.csv?person=viewer")
    assert "no-store" in response.headers["Cache-Control"]
    head, *rows = response.content.decode("utf-8-sig").splitlines()
    assert head.startswith("Time")
    [row] = rows
    assert "Sign-in failed" in row
    assert VIEWER in row
    monkeypatch.setattr(staff_views, "MOST_EXPORTED", 2)
    lines = auditor.get("/staff/security-events.csv").content.splitlines()
    assert len(lines) == 3


def test_details_are_told_in_words(three: Company) -> None:
    admin = three.people["admin"]
    happened(EventKind.REFUSED, admin, n=4, details={"endpoint": "e", "method": "GET"})
    happened(EventKind.SESSION_ENDED, admin, n=5, details={"reason": "password"})
    happened(EventKind.SIGNED_IN, admin, n=6, details={"reason": "of the future"})
    page = staff_client(StaffRole.CLERK).get("/staff/security-events").content
    for text in (b"called GET e", b"the password was changed", b"begins with 0123abcd"):
        assert text in page
    assert b"of the future" not in page


def test_empty_lists_say_so(alice: Company) -> None:
    client = Client()
    client.force_login(alice.people["admin"])
    with unit_of_work.acting_for(unit_of_work.STAFF, reading=True):
        SecurityEvent.objects.count()
    page = client.get("/people/security-events?person=nobody").content
    assert b"No events match this filter." in page


def test_staff_without_a_tenant_have_pages_of_their_own(db: None) -> None:
    clerk = staff_client(StaffRole.CLERK)
    assert b"UTC" in clerk.get("/sessions").content
    assert clerk.get("/security-events").status_code == 200
