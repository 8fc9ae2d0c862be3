"""Sessions, tokens and CSRF tokens: which credentials authenticate a request."""

from collections.abc import Iterator
from typing import Any
from urllib.parse import quote

import pytest
from django.test import Client

from portal.accounts.caller import SESSION_TENANT
from portal.http.endpoint_types import TOKENS
from portal.http.endpoints import ENDPOINTS
from portal.models import Scope
from tests.access.matrix import ROWS
from tests.access.two_companies import BROKEN, CSRF, OF_A_PROXY, TwoCompanies, build
from tests.builders import Company, digest_header

pytestmark = pytest.mark.access

UNSAFE = [
    (name, method)
    for name, methods in ENDPOINTS.items()
    for method in methods
    if method not in {"GET", "HEAD"} and name.startswith("api:")
]


def browser(alice: Company, role: str = "admin") -> Client:
    client = Client(enforce_csrf_checks=True, raise_request_exception=False)
    client.force_login(alice.people[role])
    return client


def send(client: Client, method: str, path: str, body: bytes, **headers: str) -> Any:
    digest = digest_header(body) if method == "PUT" else {}
    return client.generic(
        method, path, body, "application/json", headers={**digest, **headers}
    )


@pytest.fixture
def companies(db: None) -> TwoCompanies:
    return build()


def call(
    companies: TwoCompanies, name: str, method: str, client: Client, **headers: str
) -> Any:
    row = ROWS[name]
    path, body = row.path(companies.ids["alice"]), row.body(companies, "alice")
    return send(client, method, path, body, **headers)


def test_there_are_unsafe_endpoints() -> None:
    assert len(UNSAFE) >= 3


@pytest.mark.parametrize(("name", "method"), UNSAFE)
def test_a_session_without_csrf_token_may_not_change_anything(
    companies: TwoCompanies, name: str, method: str
) -> None:
    client = browser(companies.alice)
    attempts = [call(companies, name, method, client)]
    client.cookies["csrftoken"] = CSRF
    attempts.append(call(companies, name, method, client))
    attempts.append(call(companies, name, method, client, **{"X-CSRFToken": "d" * 32}))
    attempts.append(call(companies, name, method, client, **{"X-CSRFToken": ""}))
    del client.cookies["csrftoken"]
    attempts.append(call(companies, name, method, client, **{"X-CSRFToken": CSRF}))
    assert [one.status_code for one in attempts] == [403] * 5
    assert {one.json()["code"] for one in attempts} == {"csrf-missing"}


@pytest.mark.parametrize(("name", "method"), UNSAFE)
def test_a_session_with_csrf_token_may(
    companies: TwoCompanies, name: str, method: str
) -> None:
    client = browser(companies.alice)
    client.cookies["csrftoken"] = CSRF
    response = call(companies, name, method, client, **{"X-CSRFToken": CSRF})
    assert response.status_code in ROWS[name].own


@pytest.mark.parametrize(
    ("name", "method"),
    [one for one in UNSAFE if TOKENS in ENDPOINTS[one[0]][one[1]].callers],
)
def test_a_token_needs_no_csrf_token(
    companies: TwoCompanies, name: str, method: str
) -> None:
    client = Client(enforce_csrf_checks=True, raise_request_exception=False)
    secret = companies.alice.issue(Scope.UPLOAD)
    response = call(companies, name, method, client, Authorization=f"Bearer {secret}")
    if name == "api:confirm-key":
        # Confirming a key is for people.
        assert response.json()["code"] != "csrf-missing"
    else:
        assert response.status_code in ROWS[name].own


def test_a_form_that_another_site_sends_with_the_session_is_refused(
    alice: Company,
) -> None:
    client = browser(alice)
    for content_type, status in (
        # Only these can a form send, and a script of another site without leave.
        ("text/plain", 415),
        ("application/x-www-form-urlencoded", 415),
        ("application/json", 403),
    ):
        response = client.generic(
            "POST", "/api/v1/files/check", b'{"files": []}', content_type
        )
        assert response.status_code == status


@pytest.mark.parametrize(
    ("content_type", "body"),
    [
        ("multipart/form-data", b"no boundary"),
        ("multipart/form-data; boundary=x", b"--x\r\nhalf a part"),
        ("multipart/form-data; boundary=" + "x" * 300, b"--x"),
        ("multipart/form-data; boundary=\u00e9", b"--x"),
        ("application/x-www-form-urlencoded", b"a=1&" * 5_000),
        ("application/x-www-form-urlencoded", b"a" * 3_000_000),
        ("application/x-www-form-urlencoded; charset=nonsense", b"a=%ff"),
    ],
)
def test_a_form_that_cannot_be_read_is_refused_in_the_api_s_own_form(
    alice: Company, content_type: str, body: bytes
) -> None:
    response = browser(alice).generic("POST", "/api/v1/files/check", body, content_type)
    assert 400 <= response.status_code < 500
    assert set(response.json()) == {"code", "title", "advice"}


@pytest.mark.parametrize("header", BROKEN.values(), ids=BROKEN)
def test_who_sends_a_token_means_the_token(alice: Company, header: str) -> None:
    client = browser(alice)
    assert client.get("/api/v1/files").status_code == 200
    response = client.get("/api/v1/files", headers={"Authorization": header})
    assert response.status_code == 401
    assert response.json()["code"] == "token-unknown"
    assert response.headers["WWW-Authenticate"].startswith("Bearer")


@pytest.mark.parametrize("header", OF_A_PROXY.values(), ids=OF_A_PROXY)
def test_credentials_of_a_proxy_in_front_do_not_sign_anybody_out(
    alice: Company, header: str
) -> None:
    sent = {"Authorization": header}
    client = browser(alice)
    assert client.get("/", headers=sent).status_code == 200
    assert client.get("/api/v1/files", headers=sent).status_code == 200
    # They authenticate nobody, and a session that changes something needs a CSRF token.
    refused = send(client, "POST", "/api/v1/files/check", b'{"files": []}', **sent)
    assert (refused.status_code, refused.json()["code"]) == (403, "csrf-missing")
    alone = Client().get("/api/v1/files", headers=sent)
    assert (alone.status_code, alone.json()["code"]) == (401, "sign-in-needed")


def test_a_browser_behind_a_proxy_gets_pages_from_addresses_of_the_api() -> None:
    headers = {"Authorization": OF_A_PROXY["basic"], "Sec-Fetch-Mode": "navigate"}
    response = Client().get("/api/v1/statements/2026-05.csv", headers=headers)
    assert response.status_code == 302
    assert response.headers["Location"].startswith("/sign-in")


@pytest.mark.parametrize(
    "disguise",
    [
        "{token}x",
        "x{token}",
        "{token}\u00a0",
        "{token},{token}",
        "{token} {token}",
        '"{token}"',
        "{token}=",
    ],
)
def test_a_token_with_anything_added_is_none(
    api: Any, alice: Company, disguise: str
) -> None:
    token = disguise.format(token=alice.token)
    assert api("GET", "/files", token=token).status_code == 401
    assert api("GET", "/files", token=alice.token.upper()).status_code == 401


@pytest.mark.parametrize("scheme", ["bearer", "BEARER", "Bearer "])
def test_a_scheme_is_read_whatever_its_case(alice: Company, scheme: str) -> None:
    header = {"Authorization": f"{scheme} {alice.token}"}
    assert Client().get("/api/v1/files", headers=header).status_code == 200


def test_a_token_elsewhere_than_in_its_header_is_nothing(
    api: Any, alice: Company
) -> None:
    token = quote(alice.token)
    for path in (f"/files?token={token}", f"/files?access_token={token}"):
        assert api("GET", path).status_code == 401
    cookie = {"Cookie": f"token={token}; sessionid={token}"}
    assert api("GET", "/files", headers=cookie).status_code == 401
    assert api("GET", "/files", headers={"X-Api-Key": token}).status_code == 401


@pytest.mark.parametrize("wanted", ["", None, "1", -1, 2**63, 1.5, "x" * 5000])
def test_a_session_that_names_no_tenant_of_its_person_opens_the_first_one(
    alice: Company, charlie: Company, wanted: Any
) -> None:
    client = browser(charlie)
    session = client.session
    session[SESSION_TENANT] = wanted
    session.save()
    assert client.get("/api/v1/files").json() == {"files": [], "next": None}


def unknown_paths() -> Iterator[str]:
    yield from (
        "/api/v1/nothing",
        "/api/v1",
        "/api/v2/files",
        "/api/",
        "/api/v1//files",
    )
    yield from ("/api/v1/files/", "/api/v1/servers/a/keys/b", "/api/v1/periods/a/b")
    yield from ("/api/v1/files/%0A", "/api/v1/%00", "/api/v1/\u202e", "/api/v1/%ff%fe")


@pytest.mark.parametrize("path", [*unknown_paths()])
def test_an_address_that_does_not_exist_is_said_so_in_the_api_s_own_form(
    alice: Company, path: str
) -> None:
    client = Client(raise_request_exception=False)
    header = {"Authorization": f"Bearer {alice.token}"}
    for method in ("GET", "POST", "PUT", "OPTIONS", "TRACE", "BREW"):
        response = client.generic(method, path, headers=header)
        assert response.status_code == 404
        assert response.json()["code"] == "not-found"


def test_a_head_is_answered_as_a_get_without_its_body(api: Any, alice: Company) -> None:
    for path in ("/files", "/periods", "/servers", "/periods/2026-05"):
        response = api("HEAD", path, token=alice.token)
        assert response.status_code == 200
        assert response.content == b""
    assert api("HEAD", "/files").status_code == 401


@pytest.mark.parametrize(
    "cookie",
    [
        'sessionid="\\000abcdefghijklmnop"',
        "sessionid=" + "x" * 7_000,
        "sessionid=; csrftoken=",
        "sessionid",
        ";;;===,,,",
        'sessionid="unclosed',
        "django_language=\u00e9\u00e8",
        'django_language="\\000"',
        'messages="\\000[[1]]"',
        "messages=" + "[" * 3_000,
        'csrftoken="\\000"',
    ],
)
def test_a_cookie_of_any_form_is_nobodys(alice: Company, cookie: str) -> None:
    client = Client(raise_request_exception=False)
    for path, status in (("/api/v1/files", 401), ("/", 302), ("/sign-in", 200)):
        response = client.get(path, headers={"Cookie": cookie})
        assert response.status_code == status
