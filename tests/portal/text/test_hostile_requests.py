"""Odd text in every field of every form and in every value of the API: never a 500."""

import json
import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest
from django.test import Client

from portal.accounts.caller import Permission
from portal.db import unit_of_work
from portal.http.endpoint_types import BodyKind, Endpoint
from portal.http.endpoints import ENDPOINTS
from portal.models import Scope, StaffRole, User
from portal.tenants import create
from tests.access.matrix import ROWS
from tests.access.two_companies import (
    TwoCompanies,
    build,
    content_of,
)
from tests.builders import NOW, PASSWORD
from tests.portal.text.hostile import HOSTILE, unclean_rows

ROOT = Path(__file__).parents[3]

# Names of parameters, as code reads them and as forms and schemas declare them.
_READ = re.compile(r'\.(?:get|getlist)\(\s*"([a-z][a-z_-]*)"')
_DECLARED = re.compile(r"^    ([a-z][a-z0-9_]*)(?:: [^=\n]+)?(?: = \w+\(|$| = )", re.M)

SMALL = {name: text for name, text in HOSTILE.items() if len(text) < 1_000}

# Pages and forms are many: one text has all characters that cleaning removes or
# composes, and is short enough for any field. The others are treated in other ways.
REMOVED = "all that is removed"
TEXTS = {
    REMOVED: "Mu\u0308\u202e\u2066\u200b\ufeff\x1b\r\n\u2028"
    "\x85\u0378\uffff\ue000\u200dn",
    **HOSTILE,
}
OF_PAGES = (REMOVED, "null", "surrogate")
OF_FORMS = (
    *(REMOVED, "null", "surrogate", "many marks", "only white space"),
    *("invisible letters", "a megabyte", "a megabyte of marks"),
)

# The rest of a form that is right, so that the text is stored where it can be.
RIGHT = {
    "zone": "Europe/Berlin",
    "first_owed_on": "2026-05-28",
    "licence_keys": "I3_FEATURE_USAGE_TRACKING_LOCAL",
    "period": "2026-05",
    "to": "2026-07-20",
    "day": "2026-05-20",
    "from_on": "2026-05-28",
    "keys": "I3_FEATURE_USAGE_TRACKING_LOCAL",
    "consequence": "none",
    "valid_from": "2026-05",
    "kind": "ignored",
    "what": "first-day",
    "wanted": "yes",
    "number": "B-200",
    "licence_key": "I3_ODD",
    "admin_email": "new@b-200.example",
}


@cache
def _parameters() -> tuple[str, ...]:
    """Return all names of parameters; of a few values that are none, too."""
    found = set()
    for app in ("portal", "usage", "billing"):
        for path in (ROOT / app).rglob("*.py"):
            text = path.read_text(encoding="utf-8")
            if "migrations" not in path.parts:
                found.update(_READ.findall(text))
            if path.name in ("forms.py", "api.py", "schemas.py", "views.py"):
                found.update(_DECLARED.findall(text))
    return tuple(sorted(found | {"login", "email", "password"}))


def test_the_parameters_are_found() -> None:
    assert {"q", "reason", "admin_name", "server", "tenant", "key", "ids"} <= set(
        _parameters()
    )


def _endpoints(kind: BodyKind, method: str) -> Iterator[tuple[str, Endpoint]]:
    for name, methods in ENDPOINTS.items():
        if method in methods and methods[method].body is kind:
            yield name, methods[method]


class Visitors:
    """An admin of Alice's and a billing clerk, in their browsers."""

    def __init__(self, companies: TwoCompanies) -> None:
        self.companies = companies
        self.admin, self.clerk = self._browser("admin"), self._browser("clerk")
        self.token = companies.alice.issue(Scope.UPLOAD)

    def _browser(self, who: str) -> Client:
        client = Client(raise_request_exception=False)
        people = self.companies.alice.people
        client.force_login(people.get(who) or _clerk())
        return client

    def fitting(self, endpoint: Endpoint) -> Client:
        staff = (Permission.STAFF_READ, Permission.STAFF_ACT)
        return self.clerk if endpoint.permission in staff else self.admin

    def path(self, name: str) -> str:
        return ROWS[name].path(self.companies.ids["alice"])


def _clerk() -> User:
    with unit_of_work.acting_for(unit_of_work.STAFF):
        return create.add_person(
            email="clerk@staff.example",
            name="Clerk",
            password=PASSWORD,
            at=NOW,
            staff_role=StaffRole.CLERK,
        )


@pytest.fixture
def visitors(db: None) -> Visitors:
    return Visitors(build())


@pytest.mark.timeout(600)
def test_no_form_fails_over_odd_text_or_stores_it(visitors: Visitors) -> None:
    failed = [
        f"{name}: {answer.status_code} for {text_name}"
        for text_name in OF_FORMS
        for name, endpoint in _endpoints(BodyKind.FORM, "POST")
        for body in _forms_with(text_name)
        if name != "sign-out"
        and (answer := _post(visitors, name, endpoint, body)).status_code >= 500
    ]
    assert failed == []
    assert unclean_rows() == []


@cache
def _forms_with(text_name: str) -> list[str]:
    """Return bodies with a text in all fields, and in those that may have any."""
    text = _quoted(text_name)
    if len(text) > 10_000:
        return [f"reason={text}&name={text}"]
    fields = dict.fromkeys(_parameters(), text)
    rounds = [fields | RIGHT] + ([fields] if text_name in ("null", "surrogate") else [])
    return ["&".join(f"{key}={value}" for key, value in one.items()) for one in rounds]


def _quoted(text_name: str) -> str:
    return quote(TEXTS[text_name].encode("utf-8", "surrogatepass"), safe="")


def _post(visitors: Visitors, name: str, endpoint: Endpoint, body: str) -> Any:
    return visitors.fitting(endpoint).post(
        visitors.path(name), body, content_type="application/x-www-form-urlencoded"
    )


@pytest.mark.parametrize("text_name", OF_PAGES)
def test_no_page_fails_over_odd_text_in_its_address(
    visitors: Visitors, text_name: str
) -> None:
    text = _quoted(text_name)
    query = "&".join(f"{key}={text}" for key in _parameters())
    failed = []
    for name, endpoint in _endpoints(BodyKind.NONE, "GET"):
        path = visitors.path(name)
        for address in (f"{path}{'&' if '?' in path else '?'}{query}", f"{path}{text}"):
            answer = visitors.fitting(endpoint).get(address)
            content_of(answer)
            # Tests run none of the workers that it asks for.
            if answer.status_code >= 500 and name != "readyz":
                failed.append(f"{name}: {answer.status_code} {address[:80]}")
    assert failed == []


def _bodies(text: str) -> Iterator[Any]:
    """Yield bodies of the API with a text in the place of each value and name."""
    right = {"name": "a.usg", "size": 1, "sha256": "0" * 64, "tail": "0" * 128}
    for key in right:
        yield {"files": [{**right, key: text}]}
    yield {"files": [{**right, text: 1}]}
    yield {"files": text}
    yield {text: []}
    yield text


def test_each_body_of_the_api_is_answered_or_refused_in_words(
    visitors: Visitors,
) -> None:
    failed = [
        f"{name}: {answer.status_code} for {text_name}"
        for name, _ in _endpoints(BodyKind.JSON, "POST")
        for text_name, text in HOSTILE.items()
        for body in _bodies(text)
        if not _is_answered(answer := _post_json(visitors, name, json.dumps(body)))
    ]
    assert failed == []


@pytest.mark.parametrize("escape", [r"\ud800", r"\udfff\ud800", r"a\u0000b"])
@pytest.mark.parametrize("key", ["sha256", "tail", "name"])
def test_half_a_character_or_a_null_in_a_body_is_no_server_error(
    visitors: Visitors, key: str, escape: str
) -> None:
    right = '"name": "a", "size": 1, "sha256": "' + "0" * 64 + '"'
    body = f'{{"files": [{{{right}, "{key}": "{escape}"}}]}}'
    answer = _post_json(visitors, "api:check-files", body)
    assert answer.status_code == 200
    (row,) = answer.json()["files"]
    is_echoed = key == "name" and "0000" in escape
    assert (row["problem"] is None) if is_echoed else _has_advice(row["problem"])
    assert row["is_needed"]


def _post_json(visitors: Visitors, name: str, body: str) -> Any:
    return Client(raise_request_exception=False).post(
        visitors.path(name),
        body,
        content_type="application/json",
        headers={"Authorization": f"Bearer {visitors.token}"},
    )


def test_each_address_of_the_api_is_answered_or_refused_in_words(
    visitors: Visitors,
) -> None:
    failed = [
        f"{path[:80]}: {answer.status_code}"
        for text_name in SMALL
        for path in _addresses(visitors, _quoted(text_name))
        if not _is_answered(answer := _called(visitors, path))
    ]
    assert failed == []


def _addresses(visitors: Visitors, text: str) -> list[str]:
    ids = visitors.companies.ids["alice"]
    return [
        *(f"/api/v1/files?{key}={text}" for key in ("server", "state", "after")),
        f"/api/v1/servers/{text}/keys/{ids.fingerprint}/confirm",
        f"/api/v1/servers/{ids.server}/keys/{text}/confirm",
        f"/api/v1/statements/2026-05?tenant={text}",
        f"/api/v1/statements/2026-05?version={text}",
        f"/api/v1/statements/{text}",
        f"/api/v1/periods/{text}",
        f"/api/v1/staff/standings?period=2026-05&q={text}",
        f"/api/v1/staff/standings?period=2026-05&standing={text}",
        f"/api/v1/staff/standings?period={text}",
    ]


def _called(visitors: Visitors, path: str) -> Any:
    client = visitors.clerk if "/staff/" in path else visitors.admin
    return client.post(path) if path.endswith("/confirm") else client.get(path)


def _is_answered(answer: Any) -> bool:
    return answer.status_code == 200 or _is_refused_in_words(answer)


def _is_refused_in_words(answer: Any) -> bool:
    if not 400 <= answer.status_code < 500:
        return False
    return _has_advice(answer.json())


def _has_advice(problem: dict[str, str]) -> bool:
    return bool(problem["code"] and problem["title"] and problem["advice"])
