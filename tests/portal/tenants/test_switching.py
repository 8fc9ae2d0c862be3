"""Switching between a person's own tenants, and no others."""

import re
from http import HTTPStatus
from typing import Any

import pytest
from django.http import HttpResponse
from django.test import Client, RequestFactory

from portal.accounts.caller import SESSION_TENANT, Caller, user_caller
from portal.accounts.sign_in_facts import PresentedFactors
from portal.db import unit_of_work
from portal.http.middleware import render_elsewhere
from portal.models import Membership, Role, StaffRole, Tenant, User
from portal.tenants import create, memberships
from tests.builders import NOW, PASSWORD, Company


@pytest.fixture
def partner(alice: Company, charlie: Company) -> User:
    """Somebody who acts for both."""
    with unit_of_work.acting_for(unit_of_work.STAFF):
        person = create.add_person(
            email="partner@partners.example", name="Petra", password=PASSWORD, at=NOW
        )
        for company, role in ((alice, Role.ADMIN), (charlie, Role.VIEWER)):
            create.add_member(company.id, user=person, role=role, by="test", at=NOW)
    return person


def browser(person: User) -> Client:
    client = Client()
    client.force_login(person)
    return client


def switch(client: Client, tenant: object, **more: str) -> Any:
    return client.post("/switch", {"tenant": str(tenant), **more})


def test_a_partner_sees_their_customers_and_switches(
    partner: User, alice: Company, charlie: Company
) -> None:
    client = browser(partner)
    page = client.get("/switch").content.decode()
    assert "You act for <bdi>Alice Assurance</bdi>." in page
    assert "C-300 · viewer" in page
    assert "Switch to <bdi>Charlie Cargo</bdi>" in page
    assert "Switch to <bdi>Alice" not in page
    assert switch(client, charlie.id).headers["Location"] == "/"
    page = client.get("/switch").content.decode()
    assert "You act for <bdi>Charlie Cargo</bdi>." in page


def test_a_switch_goes_on_to_an_own_path_only(partner: User, charlie: Company) -> None:
    client = browser(partner)
    way = switch(client, charlie.id, next="/upload?period=2026-05")
    assert way.headers["Location"] == "/upload?period=2026-05"
    away = switch(client, charlie.id, next="https://evil.example/")
    assert away.headers["Location"] == "/"


@pytest.mark.parametrize("how", ["id", "number", "name"])
def test_charlie_cannot_switch_to_a_tenant_that_is_not_his(
    alice: Company, charlie: Company, how: str
) -> None:
    client = browser(charlie.people["admin"])
    guess = {"id": alice.id, "number": alice.number, "name": "Alice Assurance"}[how]
    foreign, nothing = switch(client, guess), switch(client, 987_654_321)
    assert foreign.status_code == nothing.status_code == HTTPStatus.NOT_FOUND
    assert _without_token(foreign) == _without_token(nothing)
    assert b"Alice" not in foreign.content
    assert SESSION_TENANT not in client.session


@pytest.mark.parametrize(
    "tenant", ["", "0", "-1", " 1", "1 ", "\u0661", "1e0", "9" * 400, "\0", "1\n"]
)
def test_what_is_no_tenant_is_not_found(charlie: Company, tenant: str) -> None:
    client = browser(charlie.people["admin"])
    assert switch(client, tenant).status_code == HTTPStatus.NOT_FOUND


def test_a_switch_needs_the_token_of_a_page(partner: User, charlie: Company) -> None:
    client = Client(enforce_csrf_checks=True)
    client.force_login(partner)
    assert switch(client, charlie.id).status_code == HTTPStatus.FORBIDDEN
    assert SESSION_TENANT not in client.session


def test_a_membership_that_ended_is_switched_to_no_more(
    partner: User, charlie: Company
) -> None:
    client = browser(partner)
    switch(client, charlie.id)
    with unit_of_work.acting_for(unit_of_work.STAFF):
        Membership.objects.filter(user=partner, tenant=charlie.id).delete()
    page = client.get("/switch").content.decode()
    assert "Charlie" not in page
    assert "You belong to no other customer." in page
    assert switch(client, charlie.id).status_code == HTTPStatus.NOT_FOUND


def test_only_who_belongs_to_several_is_offered_a_switch(
    partner: User, alice: Company
) -> None:
    assert b'href="/switch"' in browser(partner).get("/").content
    assert b'href="/switch"' not in browser(alice.people["admin"]).get("/").content


def test_the_window_beside_an_upload_goes_over_to_the_uploads_tenant(
    partner: User, alice: Company, charlie: Company
) -> None:
    client = browser(partner)
    page = client.get(f"/signed-in?for={charlie.id}").content.decode()
    assert "the upload is for <bdi>Charlie Cargo</bdi>" in page
    switch(client, charlie.id, next=f"/signed-in?for={charlie.id}")
    page = client.get(f"/signed-in?for={charlie.id}").content.decode()
    assert "Go back to the upload" in page
    for guess in (str(alice.id), "x", ""):
        own = browser(charlie.people["admin"])
        page = own.get(f"/signed-in?for={guess}").content.decode()
        assert "Go back to the upload" in page
        assert "Alice" not in page


# A thing that another tenant of the person has


def ask_for(person: User, tenant: Company, *, of: Company) -> HttpResponse:
    """Follow a link to something of `of` while acting for `tenant`."""
    request: Any = RequestFactory().get("/files/7", {"from": "mail"})
    request.user = person
    request.caller = user_caller(
        person, wanted_tenant=tenant.id, presented=PresentedFactors()
    )

    def has() -> bool:
        # Says too that each tenant is asked in a unit of its own.
        return Tenant.objects.get().pk == of.id

    return render_elsewhere(request, has=has)


def test_a_link_to_a_thing_of_another_own_tenant_offers_the_switch(
    partner: User, alice: Company, charlie: Company
) -> None:
    response = ask_for(partner, alice, of=charlie)
    page = response.content.decode()
    assert response.status_code == HTTPStatus.NOT_FOUND
    assert "This belongs to <bdi>Charlie Cargo</bdi>." in page
    assert f'name="tenant" value="{charlie.id}"' in page
    assert 'name="next" value="/files/7?from=mail"' in page


def test_without_membership_a_link_tells_nothing(
    alice: Company, charlie: Company
) -> None:
    person = charlie.people["admin"]
    foreign = ask_for(person, charlie, of=alice)
    assert foreign.status_code == HTTPStatus.NOT_FOUND
    page = foreign.content.decode()
    assert "There is nothing here." in page
    assert "Alice" not in page
    assert "Switch" not in page


def test_a_token_has_no_other_places(alice: Company) -> None:
    caller = Caller("token x", alice.id, frozenset(), token_id=1)
    assert memberships.memberships_of(caller) == []
    assert memberships.find_membership(caller, lambda: True) is None


# Whom to ask


def test_who_may_not_is_told_whom_of_their_own_to_ask(
    alice: Company, charlie: Company
) -> None:
    # Reading the page needs less than sending files by it.
    response = browser(charlie.people["viewer"]).post("/upload")
    page = response.content.decode()
    assert response.status_code == HTTPStatus.FORBIDDEN
    assert "You may not do this." in page
    assert "Whom to ask at <bdi>Charlie Cargo</bdi>" in page
    assert "admin of Charlie Cargo" in page
    assert 'href="mailto:admin@c-300.example"' in page
    assert "uploader@c-300.example" not in page
    assert "a-100" not in page
    assert "Sign out" in page


def test_who_has_left_is_nobody_to_ask(charlie: Company) -> None:
    with unit_of_work.acting_for(unit_of_work.STAFF):
        User.objects.filter(email="admin@c-300.example").update(is_active=False)
    page = browser(charlie.people["viewer"]).post("/upload").content.decode()
    assert "admin@c-300.example" not in page
    assert "Whom to ask" not in page


def test_staff_without_a_tenant_are_told_nobodys_address(alice: Company) -> None:
    with unit_of_work.acting_for(unit_of_work.STAFF):
        clerk = create.add_person(
            email="clerk@staff.example",
            name="Clerk",
            password=PASSWORD,
            staff_role=StaffRole.CLERK,
            at=NOW,
        )
    page = browser(clerk).post("/upload").content.decode()
    assert "<h1>No access</h1>" in page
    assert "You may not do this." in page
    assert "a-100" not in page


def test_an_address_that_there_is_not_is_told_in_the_portals_look(db: None) -> None:
    response = Client().get("/nowhere")
    assert response.status_code == HTTPStatus.NOT_FOUND
    assert b"<h1>Not found</h1>" in response.content
    assert b"There is nothing here." in response.content


def _without_token(response: Any) -> bytes:
    return re.sub(rb'csrfmiddlewaretoken" value="[^"]*"', b"", response.content)
