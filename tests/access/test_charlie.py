"""Charlie, of another tenant, gets nothing although he knows all ids of Alice's."""

import hashlib
import json
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date
from typing import Any
from urllib.parse import quote, unquote
from uuid import uuid4

import pytest

from portal.http.endpoints import ENDPOINTS
from portal.models import Scope
from tests.access import two_companies
from tests.access.matrix import ROWS, may_name_alice
from tests.access.two_companies import (
    CSRF,
    MatrixCaller,
    TwoCompanies,
    build,
    charlies,
    leaks,
)
from tests.builders import digest_header

pytestmark = pytest.mark.access

# Names under which systems take a tenant, a person or a thing from a query.
PARAMETERS = (
    *("tenant", "tenant_id", "tenant_number", "number", "customer", "company", "as"),
    *("user", "user_id", "email", "on_behalf_of", "account", "org", "id", "file_id"),
    *("file", "server", "after", "state", "how", "sha256", "tail", "series", "token"),
    *("access_token", "session", "role", "is_staff", "next", "zone", "period"),
)

# Headers by which proxies and frameworks say for whom a request is.
HEADERS = (
    *("X-Tenant", "X-Tenant-Id", "Tenant", "Tenant-Id", "X-Customer", "X-Company"),
    *("X-User", "X-User-Id", "X-Forwarded-User", "Remote-User", "X-Remote-User"),
    *("X-Auth-Token", "X-Api-Key", "X-On-Behalf-Of", "From", "X-Forwarded-Email"),
)

# Headers by which some servers let a request become another one.
REWRITES = ("X-Original-URL", "X-Rewrite-URL", "X-Forwarded-Prefix", "Referer")
REWRITTEN = {("GET", "/"), ("POST", "/switch"), ("GET", "/api/v1/files")}
OVERRIDES = ("X-HTTP-Method-Override", "X-HTTP-Method", "X-Method-Override")


@dataclass(frozen=True, slots=True)
class Probe:
    """One attempt to get at what is another's."""

    method: str
    path: str
    body: bytes = b""
    headers: tuple[tuple[str, str], ...] = ()

    @property
    def sent(self) -> str:
        text = self.path + unquote(self.path) + self.body.decode("latin-1")
        return text + " ".join(value for _, value in self.headers)


@pytest.fixture
def companies(db: None) -> TwoCompanies:
    return build()


def own_endpoints(companies: TwoCompanies) -> Iterator[tuple[str, str, bytes]]:
    """Yield every method and path that is Charlie's own to use."""
    for name, row in ROWS.items():
        if name != "sign-out":
            for method in ENDPOINTS[name]:
                body = row.body(companies, "charlie")
                yield method, row.path(companies.ids["charlie"]), body


def in_the_query(companies: TwoCompanies) -> Iterator[Probe]:
    values = [value for _, value in companies.ids["alice"].all()]
    # Of a name that is given twice most take the last value, some the first or all.
    everything = "&".join(
        f"{name}={quote(value)}" for name in PARAMETERS for value in values
    )
    for method, path, body in own_endpoints(companies):
        yield Probe(method, f"{path}?{everything}", body)
        for value in values:
            query = "&".join(f"{name}={quote(value)}" for name in PARAMETERS)
            yield Probe(method, f"{path}?{query}", body)


def in_the_headers(companies: TwoCompanies) -> Iterator[Probe]:
    values = [value for _, value in companies.ids["alice"].all()]
    paths = [row.path(companies.ids["alice"]) for row in ROWS.values()]
    for method, path, body in own_endpoints(companies):
        for value in values:
            yield Probe(method, path, body, tuple((name, value) for name in HEADERS))
        # Whatever rewrites does so before any endpoint: each one leads somewhere, and a
        # page, a form and the API lead everywhere.
        is_example = (method, path) in REWRITTEN
        for target in paths if is_example else paths[:2]:
            rewrites = tuple((name, target) for name in REWRITES)
            yield Probe(method, path, body, rewrites)
    for name in OVERRIDES:
        target = ROWS["api:confirm-key"].path(companies.ids["alice"])
        yield Probe("GET", target, b"", ((name, "POST"),))
        yield Probe("POST", "/api/v1/files/check", b'{"files": []}', ((name, "GET"),))


def in_the_path(companies: TwoCompanies) -> Iterator[Probe]:
    ids = companies.ids["alice"]
    for _, value in ids.all():
        text = quote(value, safe="")
        for method in ("GET", "POST", "PUT", "DELETE"):
            yield Probe(method, f"/api/v1/files/{text}")
            yield Probe(method, f"/api/v1/periods/{text}")
            yield Probe(method, f"/api/v1/servers/{text}/keys/{text}/confirm")
            yield Probe(method, f"/api/v1/tenants/{text}/files")
    for file in (ids.accepted, ids.held, ids.rejected):
        yield Probe("GET", f"/api/v1/files/{file}")
    for server in (
        ids.server,
        two_companies.SECRET_UNKNOWN,
        companies.ids["charlie"].server,
    ):
        for key in (ids.fingerprint, ids.proposed):
            yield Probe("POST", f"/api/v1/servers/{server}/keys/{key}/confirm")


def in_the_body(companies: TwoCompanies) -> Iterator[Probe]:
    ids, data = companies.ids["alice"], companies.files["alice"]
    smuggled = {**dict(ids.all()), "tenant_id": ids.tenant}
    asked = json.loads(two_companies.check_body(ids, data))
    asked["files"] = [one | smuggled | {"name": one["name"]} for one in asked["files"]]
    for one in asked["files"]:
        one.pop("sha256" if one["name"] == "b.usg" else "tail", None)
    body = json.dumps(asked | smuggled).encode()
    yield Probe("POST", "/api/v1/files/check", body)
    confirm = ROWS["api:confirm-key"].path(ids)
    yield Probe("POST", confirm, json.dumps(smuggled).encode())
    for size in (len(data) - 1, 0, 2**62):
        for key in ({"sha256": ids.sha256}, {"tail": ids.tail}):
            body = json.dumps({"files": [{"size": size, **key}]}).encode()
            yield Probe("POST", "/api/v1/files/check", body)


KINDS = (in_the_path, in_the_query, in_the_headers, in_the_body)


def attempt(caller: MatrixCaller, probe: Probe) -> Any:
    headers = dict(probe.headers) | {"X-CSRFToken": CSRF}
    if probe.method == "PUT":
        headers |= digest_header(probe.body)
    return caller.call(probe.method, probe.path, probe.body, **headers)


# Some thousand requests.
@pytest.mark.timeout(400)
@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.__name__)
def test_no_id_of_alice_gets_charlie_anything_of_hers(
    companies: TwoCompanies, kind: Any
) -> None:
    before = two_companies.rows_of(companies.alice.id)
    # The strongest of each way in: who may less, may nothing more.
    strongest = ("charlie's token: upload", "partner for charlie")
    others = ("charlie's session: admin", "charlie's session set to alice")
    wrong = []
    for caller in charlies(companies):
        if caller.name not in strongest + others:
            continue
        for number, probe in enumerate(kind(companies)):
            # Two callers try everything, the others a part of it.
            if caller.name in others and number % 7:
                continue
            response = attempt(caller, probe)
            cell = f"{caller.name}: {probe.method} {probe.path[:120]}"
            sent = probe.sent + hashlib.sha256(probe.body).hexdigest()
            leaked = leaks(companies, response, sent=sent)
            if may_name_alice(caller, probe.path.partition("?")[0]):
                leaked = [one for one in leaked if one not in two_companies.NAMES]
            wrong += [f"{cell}: tells {one}" for one in leaked]
            if response.status_code >= 500:
                wrong.append(f"{cell}: {response.status_code}")
    assert wrong == []
    assert two_companies.rows_of(companies.alice.id) == before


def test_charlies_attempts_on_alices_things_leave_no_trace_with_him_either(
    companies: TwoCompanies,
) -> None:
    caller = strongest_token(companies)
    before = two_companies.counts_of(companies.charlie.id)
    for probe in in_the_body(companies):
        attempt(caller, probe)
    for file in (companies.ids["alice"].accepted, companies.ids["alice"].held):
        assert attempt(caller, Probe("GET", f"/api/v1/files/{file}")).status_code == 404
    assert two_companies.counts_of(companies.charlie.id) == before


def strongest_token(companies: TwoCompanies) -> MatrixCaller:
    name = f"charlie's token: {Scope.UPLOAD.value}"
    return next(one for one in charlies(companies) if one.name == name)


def test_what_charlie_is_answered_does_not_depend_on_alice(db: None) -> None:
    """The same questions, with ids that are Alice's and with ids that are nobody's."""
    companies = build()
    alices, nobodys = companies.ids["alice"], _nobodys(companies)
    caller = strongest_token(companies)
    for path in ("files/{0.accepted}", "files/{0.held}", "files/{0.rejected}"):
        hers, none = (
            caller.call("GET", f"/api/v1/{path.format(ids)}")
            for ids in (alices, nobodys)
        )
        assert hers.status_code == none.status_code == 404
        assert hers.content == none.content
    admin = next(
        one for one in charlies(companies) if one.name == "charlie's session: admin"
    )
    confirms = [
        admin.call(
            "POST", ROWS["api:confirm-key"].path(ids), b"", **{"X-CSRFToken": CSRF}
        )
        for ids in (alices, nobodys)
    ]
    assert [one.status_code for one in confirms] == [404, 404]
    assert confirms[0].content == confirms[1].content
    asked = [
        caller.call(
            "POST", "/api/v1/files/check", two_companies.check_body(ids, b"x" * 700)
        )
        for ids in (alices, nobodys)
    ]
    assert asked[0].content == asked[1].content
    listed = [
        caller.call("GET", f"/api/v1/files?after={ids.accepted}")
        for ids in (alices, nobodys)
    ]
    assert listed[0].content == listed[1].content


def _nobodys(companies: TwoCompanies) -> two_companies.Ids:
    """Ids of the right form that are of nothing."""
    ids = companies.ids["alice"]
    made = {"sha256": "ab" * 32, "tail": "cd" * 64, "fingerprint": "ef" * 16}
    fresh = {name: str(uuid4()) for name in ("accepted", "held", "rejected", "series")}
    return two_companies.Ids(**{**vars(ids), **made, **fresh, "server": "NOSUCHSERVER"})


def test_bytes_that_alice_has_are_needed_when_charlie_asks(
    companies: TwoCompanies,
) -> None:
    data = companies.files["alice"]
    for caller in charlies(companies):
        response = caller.call(
            "POST",
            "/api/v1/files/check",
            two_companies.check_body(companies.ids["alice"], data),
            **{"X-CSRFToken": CSRF},
        )
        answers = response.json()["files"]
        assert [one["is_needed"] for one in answers] == [True, True]
        assert [one["file"] for one in answers] == [None, None]


def test_bytes_that_alice_has_are_judged_as_any_others_when_charlie_sends_them(
    companies: TwoCompanies,
) -> None:
    data = companies.files["alice"]
    caller = strongest_token(companies)
    for name in ("mine.usg", two_companies.SECRET_FILE):
        response = caller.call(
            "PUT", f"/api/v1/files/{name}", data, **digest_header(data)
        )
        found = response.json()
        assert (response.status_code, found["verdict"]) == (422, "rejected")
        assert [one["code"] for one in found["file"]["problems"]] == ["tenant-other"]
        assert found["file"]["server"] is None


def test_a_file_that_charlie_has_and_alice_sends_is_nothing_to_her(
    companies: TwoCompanies,
) -> None:
    data = companies.charlie.server.day(date(2026, 5, 9))
    first, _ = companies.charlie.send(data)
    second, is_new = companies.alice.send(data)
    assert first.state == "accepted"
    assert second.state == "rejected"
    assert is_new


def test_a_membership_that_ended_opens_nothing_any_more(
    companies: TwoCompanies,
) -> None:
    browser = two_companies._partner(companies, companies.alice)
    path = f"/api/v1/files/{companies.ids['alice'].accepted}"
    assert browser.get(path).status_code == 200
    two_companies.leave(companies.partner, companies.alice)
    response = browser.get(path)
    assert response.status_code == 404
    assert leaks(companies, response, sent=path) == []
