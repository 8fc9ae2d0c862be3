"""Every address, method and caller: the answer that the documentation promises."""

import hashlib
from http import HTTPStatus
from typing import Any

import pytest
from django.urls import get_resolver

from portal.checks import url_names
from portal.http.endpoints import ENDPOINTS
from portal.http.identify import API
from tests.access import matrix
from tests.access.matrix import METHODS, ROWS, STANDING
from tests.access.two_companies import (
    NAMES,
    MatrixCaller,
    TwoCompanies,
    build,
    callers,
    content_of,
    leaks,
)

pytestmark = pytest.mark.access


def test_every_address_has_a_row_in_the_matrix() -> None:
    assert set(url_names(get_resolver().url_patterns)) == set(ROWS) == set(ENDPOINTS)


@pytest.mark.parametrize("name", ROWS)
def test_each_caller_is_answered_as_documented(db: None, name: str) -> None:
    companies = build()
    everybody = list(callers(companies))
    assert {caller.name for caller in everybody} == set(STANDING)
    wrong = [
        fault
        for caller in everybody
        for method in METHODS
        for fault in _faults(companies, name, method, caller)
    ]
    assert wrong == []


def _faults(
    companies: TwoCompanies, name: str, method: str, caller: MatrixCaller
) -> list[str]:
    """Try one cell, with what belongs to Alice; name all that is wrong with it."""
    row = ROWS[name]
    path, body = row.path(companies.ids["alice"]), row.body(companies, "alice")
    response = caller.call(method, path, body, **matrix.headers_for(method, body))
    wanted = matrix.expected(name, method, caller, whose="alice")
    cell = f"{caller.name}: {method} {name}"
    faults = []
    if response.status_code not in wanted.statuses:
        faults.append(f"{cell}: {response.status_code}, not {wanted}")
    if path.startswith(API) and response.status_code >= HTTPStatus.BAD_REQUEST:
        faults += [f"{cell}: {fault}" for fault in _form_faults(response, wanted.code)]
    if response.status_code == HTTPStatus.METHOD_NOT_ALLOWED:
        allowed = response.headers.get("Allow")
        if allowed is None or not set(ENDPOINTS[name]) <= set(allowed.split(", ")):
            faults.append(f"{cell}: Allow is {allowed}")
    if not matrix.may_know_alice(name, caller):
        sent = path + body.decode("latin-1") + hashlib.sha256(body).hexdigest()
        seen = leaks(companies, response, sent=sent)
        if matrix.may_name_alice(caller, path):
            seen = [one for one in seen if one not in NAMES]
        faults += [f"{cell}: tells {canary}" for canary in seen]
    return faults


def _form_faults(response: Any, code: str) -> list[str]:
    """Say how an API's refusal differs from code, title and advice as JSON."""
    if response.request["REQUEST_METHOD"] == "HEAD":
        return [] if not content_of(response) else ["HEAD has a body"]
    if not response.headers["Content-Type"].startswith("application/json"):
        return [f"{response.headers['Content-Type']}, not JSON"]
    found = response.json()
    if "verdict" in found:
        return []
    if set(found) != {"code", "title", "advice"}:
        return [f"keys are {sorted(found)}"]
    return [f"code is {found['code']}, not {code}"] if found["code"] != code else []
