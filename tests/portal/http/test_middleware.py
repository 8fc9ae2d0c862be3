"""Errors that Django would render itself are answered in the product's own words."""

from collections.abc import Callable
from typing import Any

import pytest
from django.db import OperationalError
from django.test import Client

from portal.accounts import token_sign_in
from tests.builders import Company


@pytest.mark.parametrize(
    "path", ["/", "/api/v1/files", "/sign-in", "/metrics", "/healthz/", "//healthz"]
)
def test_a_wrong_host_name_is_refused_quietly(
    db: None, path: str, caplog: pytest.LogCaptureFixture
) -> None:
    response = Client().get(path, headers={"Host": "evil.example"})
    assert response.status_code == 400
    assert "cannot be read" in response.content.decode()
    assert not [record for record in caplog.records if record.exc_info]


@pytest.mark.parametrize("path", ["/healthz", "/readyz"])
@pytest.mark.parametrize(
    "host", ["10.0.0.7:8000", "evil.example", "two words.example", ""]
)
@pytest.mark.parametrize("is_public", [False, True])
def test_probes_are_answered_whatever_their_host(
    db: None, settings: Any, path: str, host: str, *, is_public: bool
) -> None:
    settings.SECURE_SSL_REDIRECT = is_public
    response = Client().get(path, headers={"Host": host})
    assert response.status_code == 200
    assert not response.has_header("Location")
    unknown = Client().post(path, headers={"Host": host})
    assert unknown.status_code == 405
    for answer in (response, unknown):
        told = f"{answer.serialize_headers().decode()} {answer.content.decode()}"
        assert not host or host not in told


def test_a_form_from_elsewhere_is_told_so(alice: Company) -> None:
    client = Client(enforce_csrf_checks=True)
    response = client.post("/sign-in", {"username": "a", "password": "b"})
    assert response.status_code == 403
    assert "did not come from a page of this portal" in response.content.decode()


@pytest.mark.parametrize(
    ("error", "status", "code"),
    [(OperationalError("no"), 503, "busy"), (LookupError("no"), 500, "failed")],
)
def test_what_nobody_foresaw_is_answered_in_the_endpoints_way(
    alice: Company,
    api: Callable[..., Any],
    monkeypatch: pytest.MonkeyPatch,
    error: Exception,
    status: int,
    code: str,
) -> None:
    def broken(*_: object, **__: object) -> None:
        raise error

    monkeypatch.setattr(token_sign_in, "sign_in", broken)
    response = api("GET", "/files", token=alice.token)
    assert (response.status_code, response.json()["code"]) == (status, code)
    assert (response.headers.get("Retry-After") == "60") == (status == 503)


def test_a_page_that_fails_says_whose_turn_it_is(
    alice: Company, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*_: object, **__: object) -> None:
        raise LookupError

    client = Client(raise_request_exception=False)
    client.force_login(alice.people["admin"])
    monkeypatch.setattr("portal.http.identify.user_caller", broken)
    response = client.get("/")
    assert response.status_code == 500
    assert "It is ours to mend" in response.content.decode()


@pytest.mark.parametrize("path", ["/", "/upload", "/files", "/staff/tenants", "/no"])
def test_no_page_of_somebody_stays_in_a_shared_browser(
    alice: Company, path: str
) -> None:
    client = Client()
    client.force_login(alice.people["admin"])
    kept = client.get(path).headers["Cache-Control"]
    assert {"no-store", "private"} <= set(kept.split(", "))


def test_no_answer_of_the_api_is_kept_on_its_way(
    alice: Company, api: Callable[..., Any]
) -> None:
    for path in ("/files", "/servers"):
        response = api("GET", path, token=alice.token)
        assert "no-store" in response.headers["Cache-Control"]
