"""A request that says for which customer it is meant is done for no other one."""

import re
from typing import Any

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client
from django.urls import resolve

from portal.accounts.caller import SESSION_TENANT, Permission
from portal.db import unit_of_work
from portal.http.permissions import ANYBODY, PERMISSIONS
from portal.models import StaffRole
from portal.tenants.expected_tenant import FIELD, HEADER
from tests.access import matrix
from tests.access import two_companies as worlds
from tests.access.matrix import ROWS
from tests.access.two_companies import Caller, World, build, callers
from tests.builders import digest_header
from usage.models import Server

pytestmark = pytest.mark.access

# What changes something for a tenant: each form of it says for which.
CHANGING = {
    name
    for name, methods in PERMISSIONS.items()
    if methods.get("POST") in {Permission.UPLOAD, Permission.MANAGE}
    and not name.startswith("api:")
}


@pytest.fixture
def world(db: None) -> World:
    return build()


def caller(world: World, name: str) -> Caller:
    return next(one for one in callers(world) if one.name == name)


def doors() -> list[tuple[str, str]]:
    """Every door that asks who comes in, but for leaving."""
    return [
        (name, method)
        for name, methods in PERMISSIONS.items()
        for method, need in methods.items()
        if need != ANYBODY and name != "sign-out"
    ]


def try_door(world: World, one: Caller, name: str, method: str, number: str) -> Any:
    row = ROWS[name]
    path, body = row.path(world.ids["alice"]), row.body(world, "alice")
    headers = matrix.headers_for(method, body) | {HEADER: number}
    return one.call(method, path, body, **headers)


@pytest.mark.parametrize("name", ["partner for alice", "token of scope manage"])
def test_whatever_is_meant_for_another_customer_is_refused(
    world: World, name: str
) -> None:
    one = caller(world, name)
    if one.headers:
        tried = [(door, how) for door, how in doors() if door.startswith("api:")]
    else:
        tried = doors()
    before = kept(world)
    for door, method in tried:
        for number in (world.charlie.number, "nobody", "", world.alice.number.lower()):
            response = try_door(world, one, door, method, number)
            assert response.status_code == 409, (door, method, number)
            assert "meant for another customer" in response.content.decode()
    assert kept(world) == before


def kept(world: World) -> list[dict[str, list[str]]]:
    """All rows of both, but for when a token was used last."""
    found = [worlds.rows_of(who.id) for who in (world.alice, world.charlie)]
    for rows in found:
        del rows["portal_apitoken"]
    return found


@pytest.mark.parametrize("name", ["partner for alice", "token of scope manage"])
def test_what_is_meant_for_the_callers_customer_is_done(
    world: World, name: str
) -> None:
    one = caller(world, name)
    for door, method in doors():
        if door.startswith("api:") and not matrix.is_for_staff(door):
            response = try_door(world, one, door, method, world.alice.number)
            assert response.status_code in ROWS[door].own, (door, method)


def test_charlie_learns_of_no_customer_by_meaning_it(world: World) -> None:
    one = caller(world, "charlie's session: admin")
    hers, nobodys = (
        try_door(world, one, "api:files", "GET", number)
        for number in (world.alice.number, "NO-SUCH-1")
    )
    assert (hers.status_code, nobodys.status_code) == (409, 409)
    assert hers.json()["code"] == "tenant-differs"
    assert hers.content == nobodys.content


def test_who_may_less_where_they_act_now_is_told_of_the_switch(world: World) -> None:
    # Not that they may not: they would ask an admin for a role that they have.
    one = caller(world, "charlie's session: viewer")
    for door, method in (("upload-page", "POST"), ("api:upload", "PUT")):
        response = try_door(world, one, door, method, world.alice.number)
        assert response.status_code == 409


def test_staff_of_no_customer_are_refused_what_is_meant_for_one(world: World) -> None:
    one = caller(world, f"session of {StaffRole.CLERK}")
    response = try_door(world, one, "staff-tenants", "GET", world.alice.number)
    assert response.status_code == 409


def form_of(world: World, *, number: str) -> Any:
    """Send the plain form of a page that was made for this customer."""
    client = Client()
    client.force_login(world.partner)
    session = client.session
    session[SESSION_TENANT] = world.charlie.id
    session.save()
    file = SimpleUploadedFile("day.usg", world.charlie.server.day(worlds.DAY))
    return client.post("/upload", {"files": file, FIELD: number, "end": "end"})


def test_a_form_that_is_older_than_a_switch_brings_nothing(world: World) -> None:
    before = worlds.rows_of(world.charlie.id)
    response = form_of(world, number=world.alice.number)
    assert response.status_code == 409
    assert 'href="/switch"' in response.content.decode()
    assert worlds.rows_of(world.charlie.id) == before
    assert form_of(world, number=world.charlie.number).status_code == 200
    assert worlds.rows_of(world.charlie.id) != before


def test_header_and_form_may_not_say_two_things(world: World) -> None:
    client = Client(headers={HEADER: world.alice.number})
    client.force_login(world.alice.people["admin"])
    path = "/servers/register"
    assert client.post(path, {FIELD: world.alice.number}).status_code == 200
    assert client.post(path, {FIELD: world.charlie.number}).status_code == 409
    both = {FIELD: [world.alice.number, world.charlie.number]}
    assert client.post(path, both).status_code == 409


def test_a_token_sends_for_its_own_customer_alone(world: World) -> None:
    data = world.alice.server.day(worlds.DAY, sequence=worlds.SECRET_SEQUENCE + 9)
    client = Client(headers={"Authorization": f"Bearer {world.alice.token}"})
    path = "/api/v1/files/meant.usg"
    for number, status in ((world.charlie.number, 409), (world.alice.number, 201)):
        before = worlds.counts_of(world.alice.id)
        headers = digest_header(data) | {HEADER: number}
        response = client.put(path, data, headers=headers)
        assert response.status_code == status
        assert (worlds.counts_of(world.alice.id) == before) == (status == 409)


def test_each_form_that_changes_something_says_for_whom(world: World) -> None:
    client = Client()
    client.force_login(world.alice.people["admin"])
    with unit_of_work.acting_for(world.alice.id, reading=True):
        server = Server.objects.get(name=worlds.SECRET_SERVER)
    less = {"what": "last-day", "day": "2026-05-01", "reason": "Gone."}
    client.post("/servers/change", {"server": server.pk, **less})
    lost = {"server": server.name, "period": "2026-05", "days": "2026-05-10"}
    client.post("/excuses/ask", {**lost, "kind": "down", "reason": "Moved."})
    client.post("/licences/ask", {"from_on": "2026-05-20", "reason": "Sold."})
    forms = {}
    of_a_server = f"/excuses?server={server.name}&period=2026-05"
    for path in ("/upload", "/servers", of_a_server, "/licences", "/people"):
        page = client.get(path).content.decode()
        for action, rest in re.findall(
            r'<form[^>]* action="([^"?#]+)[^"]*"[^>]*>(.*?)</form>', page, re.DOTALL
        ):
            forms[resolve(action).view_name] = rest
    assert set(forms) >= CHANGING
    field = f'<input type="hidden" name="{FIELD}" value="{world.alice.number}">'
    assert [name for name in CHANGING if field not in forms[name]] == []
