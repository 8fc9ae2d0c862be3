"""A request that names its expected tenant changes no other tenant."""

import re
from collections.abc import Iterable
from typing import Any

import pytest
from allauth.mfa.models import Authenticator
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client
from django.urls import resolve

from portal.accounts.caller import SESSION_TENANT, Permission
from portal.db import unit_of_work
from portal.http.endpoint_types import ANYBODY, TOKENS
from portal.http.endpoints import ENDPOINTS
from portal.models import ApiToken, StaffRole
from portal.tenants.expected_tenant import FIELD, HEADER
from tests.access import matrix, two_companies
from tests.access.matrix import ROWS
from tests.access.two_companies import MatrixCaller, TwoCompanies, build, callers
from tests.builders import digest_header
from usage.models import Server, ServerKey

pytestmark = pytest.mark.access

# What changes or reveals something of a tenant: each form of it says of which.
CHANGING = {
    name
    for name, methods in ENDPOINTS.items()
    if "POST" in methods
    and methods["POST"].permission
    in {Permission.UPLOAD, Permission.MANAGE, Permission.NAMES}
    and not name.startswith("api:")
}


@pytest.fixture
def companies(db: None) -> TwoCompanies:
    return build()


def caller(companies: TwoCompanies, name: str) -> MatrixCaller:
    return next(one for one in callers(companies) if one.name == name)


def endpoints() -> list[tuple[str, str]]:
    """Every endpoint that requires a caller, except sign-out."""
    return [
        (name, method)
        for name, methods in ENDPOINTS.items()
        for method, endpoint in methods.items()
        if endpoint.permission != ANYBODY and name != "sign-out"
    ]


def try_endpoint(
    companies: TwoCompanies, one: MatrixCaller, name: str, method: str, number: str
) -> Any:
    row = ROWS[name]
    path, body = row.path(companies.ids["alice"]), row.body(companies, "alice")
    headers = matrix.headers_for(method, body) | {HEADER: number}
    return one.call(method, path, body, **headers)


@pytest.mark.parametrize("name", ["partner for alice", "token of scope upload"])
def test_whatever_is_meant_for_another_customer_is_refused(
    companies: TwoCompanies, name: str
) -> None:
    one = caller(companies, name)
    tried = [
        (endpoint, how)
        for endpoint, how in endpoints()
        if not one.headers or TOKENS in ENDPOINTS[endpoint][how].callers
    ]
    before = stored_rows(companies)
    for endpoint, method in tried:
        for number in (
            companies.charlie.number,
            "nobody",
            "",
            companies.alice.number.lower(),
        ):
            response = try_endpoint(companies, one, endpoint, method, number)
            assert response.status_code == 409, (endpoint, method, number)
            assert "meant for another customer" in response.content.decode()
    assert stored_rows(companies) == before


def stored_rows(companies: TwoCompanies) -> list[dict[str, list[str]]]:
    """All rows of both, but for when a token was used last."""
    found = [
        two_companies.rows_of(who.id) for who in (companies.alice, companies.charlie)
    ]
    for rows in found:
        del rows["portal_apitoken"]
    return found


@pytest.mark.parametrize("name", ["partner for alice", "token of scope upload"])
def test_what_is_meant_for_the_callers_customer_is_done(
    companies: TwoCompanies, name: str
) -> None:
    one = caller(companies, name)
    for endpoint, method in endpoints():
        is_for_one = not one.headers or TOKENS in ENDPOINTS[endpoint][method].callers
        if (
            endpoint.startswith("api:")
            and is_for_one
            and not matrix.is_for_staff(endpoint)
            # No token has this permission.
            and not (one.headers and endpoint == "api:statement-evidence")
        ):
            response = try_endpoint(
                companies, one, endpoint, method, companies.alice.number
            )
            assert response.status_code in ROWS[endpoint].own, (endpoint, method)


def test_charlie_learns_of_no_customer_by_meaning_it(companies: TwoCompanies) -> None:
    one = caller(companies, "charlie's session: admin")
    hers, nobodys = (
        try_endpoint(companies, one, "api:files", "GET", number)
        for number in (companies.alice.number, "NO-SUCH-1")
    )
    assert (hers.status_code, nobodys.status_code) == (409, 409)
    assert hers.json()["code"] == "tenant-differs"
    assert hers.content == nobodys.content


def test_who_may_less_where_they_act_now_is_told_of_the_switch(
    companies: TwoCompanies,
) -> None:
    # Not that they may not: they would ask an admin for a role that they have.
    one = caller(companies, "charlie's session: viewer")
    for endpoint, method in (("upload-page", "POST"), ("api:upload", "PUT")):
        response = try_endpoint(
            companies, one, endpoint, method, companies.alice.number
        )
        assert response.status_code == 409


def test_staff_of_no_customer_are_refused_what_is_meant_for_one(
    companies: TwoCompanies,
) -> None:
    one = caller(companies, f"session of {StaffRole.CLERK}")
    response = try_endpoint(
        companies, one, "staff-tenants", "GET", companies.alice.number
    )
    assert response.status_code == 409


def form_of(companies: TwoCompanies, *, number: str) -> Any:
    """Send the plain form of a page that was made for this customer."""
    client = Client()
    client.force_login(companies.partner)
    session = client.session
    session[SESSION_TENANT] = companies.charlie.id
    session.save()
    file = SimpleUploadedFile(
        "day.usg", companies.charlie.server.day(two_companies.DAY)
    )
    return client.post("/upload", {"files": file, FIELD: number, "end": "end"})


def test_a_form_that_is_older_than_a_switch_brings_nothing(
    companies: TwoCompanies,
) -> None:
    before = two_companies.rows_of(companies.charlie.id)
    response = form_of(companies, number=companies.alice.number)
    assert response.status_code == 409
    assert 'href="/switch"' in response.content.decode()
    assert two_companies.rows_of(companies.charlie.id) == before
    assert form_of(companies, number=companies.charlie.number).status_code == 200
    assert two_companies.rows_of(companies.charlie.id) != before


def test_header_and_form_may_not_say_two_things(companies: TwoCompanies) -> None:
    client = Client(headers={HEADER: companies.alice.number})
    client.force_login(companies.alice.people["admin"])
    path = "/servers/register"
    assert client.post(path, {FIELD: companies.alice.number}).status_code == 200
    assert client.post(path, {FIELD: companies.charlie.number}).status_code == 409
    both = {FIELD: [companies.alice.number, companies.charlie.number]}
    assert client.post(path, both).status_code == 409


def test_a_token_sends_for_its_own_customer_alone(companies: TwoCompanies) -> None:
    data = companies.alice.server.day(
        two_companies.DAY, sequence=two_companies.SECRET_SEQUENCE + 9
    )
    client = Client(headers={"Authorization": f"Bearer {companies.alice.token}"})
    path = "/api/v1/files/meant.usg"
    for number, status in (
        (companies.charlie.number, 409),
        (companies.alice.number, 201),
    ):
        before = two_companies.counts_of(companies.alice.id)
        headers = digest_header(data) | {HEADER: number}
        response = client.put(path, data, headers=headers)
        assert response.status_code == status
        assert (two_companies.counts_of(companies.alice.id) == before) == (
            status == 409
        )


def forms_of(client: Client, pages: Iterable[str]) -> dict[str, str]:
    """Return the content of the forms of pages, by the address they are sent to."""
    forms = {}
    for path in pages:
        page = client.get(path).content.decode()
        for head, rest in re.findall(r"<form([^>]*)>(.*?)</form>", page, re.DOTALL):
            action = re.search(r' action="([^"?#]+)', head)
            # Without an action a form is sent to its page.
            if action or 'method="post"' in head:
                target = action[1] if action else path.partition("?")[0]
                forms[resolve(target).view_name] = rest
    return forms


def test_each_form_that_changes_something_says_for_whom(
    companies: TwoCompanies,
) -> None:
    client = Client()
    client.force_login(companies.alice.people["admin"])
    with unit_of_work.acting_for(companies.alice.id, reading=True):
        server = Server.objects.get(name=two_companies.SECRET_SERVER)
        keys = list(ServerKey.objects.values_list("pk", flat=True))
        token = ApiToken.objects.values_list("pk", flat=True).first()
    # A member with a second factor and a session.
    viewer = companies.alice.people["viewer"]
    Authenticator.objects.create(user=viewer, type=Authenticator.Type.TOTP, data={})
    Client().force_login(viewer)
    client.post("/people/invite", {"address": "new@new.example", "role": "viewer"})
    less = {"what": "last-day", "day": "2026-05-01", "reason": "Gone."}
    client.post("/servers/change", {"server": server.pk, **less})
    lost = {"server": server.name, "period": "2026-05", "days": "2026-05-10"}
    client.post("/excuses/ask", {**lost, "kind": "down", "reason": "Moved."})
    client.post("/licences/ask", {"from_on": "2026-05-20", "reason": "Sold."})
    # An upload, whose summary can be dismissed.
    client.post("/upload", {"files": SimpleUploadedFile("a.usg", b"a"), "end": "end"})
    of_a_server = f"/excuses?server={server.name}&period=2026-05"
    of_a_day = f"/billing-data/2026-05/days/{two_companies.DAY}"
    pages = (
        *("/upload", "/servers", of_a_server, "/licences", "/people", of_a_day),
        *("/people/invite", "/people/second-factor", f"/people/members/{viewer.pk}"),
        *(f"/people/{viewer.pk}/sessions", f"/automation/tokens/{token}"),
        *("/automation/tokens/new", *(f"/servers/keys/{key}" for key in keys)),
    )
    forms = forms_of(client, pages)
    assert set(forms) >= CHANGING
    field = f'<input type="hidden" name="{FIELD}" value="{companies.alice.number}">'
    assert [name for name in CHANGING if field not in forms[name]] == []
