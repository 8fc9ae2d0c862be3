"""Each word of the endpoint table counts: with another one some answer differs.

The requests go through the real middleware, with callers from memory and no view. What
they should be answered follows from the documentation of the endpoints.
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from types import SimpleNamespace
from typing import Any

import pytest
from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.test import RequestFactory

from portal.accounts import token_sign_in
from portal.accounts.caller import Caller, Permission
from portal.errors import Refused, Unavailable
from portal.http import body_slots, middleware
from portal.http import identify as identification
from portal.http.endpoint_types import (
    ANYBODY,
    MAX_FILE_BYTES,
    PEOPLE,
    SIGNED_IN,
    TOKENS,
    BodyKind,
    Callers,
    Endpoint,
)
from portal.http.endpoints import ENDPOINTS
from portal.models import User
from portal.tenants import expected_tenant
from tests.access.documented import DOCUMENTED

pytestmark = pytest.mark.access

ALL = frozenset(Permission)

# Who may call: nobody, a script whose token is none, and each permission alone, so that
# no two permissions fare the same.
NOBODY, STRANGER = "nobody", "a token that is none"
URLENCODED, MULTIPART = "application/x-www-form-urlencoded", "multipart/form-data"
CONTENT_TYPES = ("", URLENCODED, MULTIPART, "application/json", "text/plain")
TAKEN = {
    BodyKind.FORM: {URLENCODED, MULTIPART},
    BodyKind.FILES: {MULTIPART},
    BodyKind.JSON: {"application/json"},
    BodyKind.STREAM: {"", URLENCODED, "application/json", "text/plain"},
}


@dataclass(frozen=True, slots=True)
class EndpointProbe:
    """A request by its head: who sends it, and which body it announces."""

    caller: Caller | str
    content_type: str = ""
    length: int | None = None

    @property
    def kind(self) -> Callers:
        if isinstance(self.caller, str):
            return Callers.NONE
        return TOKENS if self.caller.token_id else PEOPLE


NOW, STALE = datetime(2100, 1, 1, tzinfo=UTC), datetime(2020, 1, 1, tzinfo=UTC)


def person(*permissions: Permission) -> Caller:
    return Caller("person", 1, frozenset(permissions), user_id=1, proven_at=NOW)


TOKEN = Caller("token", 1, ALL, token_id=1)
EVERYTHING = person(*Permission)
LONG_AGO = replace(EVERYTHING, proven_at=STALE)
NEVER = replace(EVERYTHING, proven_at=None)
ONE_FACTOR = replace(EVERYTHING, lacks_factor=True)


def probes(endpoint: Endpoint) -> Iterator[EndpointProbe]:
    """Yield heads of requests that tell an endpoint from every other one."""
    whole = endpoint.longest_body
    kind = min(TAKEN.get(endpoint.body, {""}))
    length = min(whole, 1) if endpoint.body is not BodyKind.STREAM else 1
    callers: list[Caller | str] = [person(one) for one in Permission]
    people = [person(), LONG_AGO, NEVER, ONE_FACTOR]
    for caller in [*callers, *people, TOKEN, NOBODY, STRANGER]:
        yield EndpointProbe(caller, kind, length)
    yield EndpointProbe(EVERYTHING)
    for content_type in CONTENT_TYPES:
        yield EndpointProbe(EVERYTHING, content_type, 1)
    for most in (0, whole - 1, whole, whole + 1):
        yield EndpointProbe(EVERYTHING, kind, max(most, 0))


def expected(name: str, endpoint: Endpoint, probe: EndpointProbe) -> str:
    """Return what the documentation promises: a code, or that the view is called."""
    wrong = wrong_body(endpoint, probe)
    if wrong:
        return wrong
    if endpoint.permission == ANYBODY:
        return "called"
    is_of_api = name.startswith("api:")
    if is_of_api and probe.caller == STRANGER:
        return "token-unknown"
    if is_of_api and probe.kind is TOKENS and TOKENS not in endpoint.callers:
        return "people-only"
    if isinstance(probe.caller, str) or probe.kind not in endpoint.callers:
        return "sign-in-needed"
    return refusal(endpoint, probe.caller) or "called"


def refusal(endpoint: Endpoint, caller: Caller) -> str:
    if endpoint.needs_factors and caller.lacks_factor:
        return "second-factor-needed"
    if endpoint.permission not in {SIGNED_IN, *caller.permissions}:
        return "not-allowed"
    is_stale = endpoint.is_fresh and caller.proven_at != NOW
    return "sign-in-not-fresh" if is_stale else ""


def wrong_body(endpoint: Endpoint, probe: EndpointProbe) -> str:
    if endpoint.body is BodyKind.STREAM and probe.length is None:
        return "length-required"
    if not probe.length:
        return ""
    if endpoint.body is BodyKind.NONE:
        return "body-unexpected"
    if probe.length > endpoint.longest_body:
        large_form = endpoint.longest_body > 1024 * 1024 and "form-too-large"
        codes = {BodyKind.STREAM: "file-too-large", BodyKind.FILES: large_form}
        return codes.get(endpoint.body) or "body-too-large"
    return "" if probe.content_type in TAKEN[endpoint.body] else "body-kind-wrong"


class Gate:
    """The middleware, with the table as it is or with one word of it changed."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.endpoints: dict[str, dict[str, Endpoint]] = {}
        self._caller: Caller | str = NOBODY
        self._factory = RequestFactory()
        self._middleware = middleware.PermissionMiddleware(lambda _: HttpResponse())
        monkeypatch.setattr(middleware, "ENDPOINTS", self.endpoints)
        monkeypatch.setattr(middleware, "render_error", self._render)
        monkeypatch.setattr(token_sign_in, "sign_in", self._sign_in)
        monkeypatch.setattr(
            identification, "user_caller", lambda *_, **__: self._caller
        )
        monkeypatch.setattr(middleware, "record_refusal", lambda *_: None)
        # It reads the form, of which these requests have the head alone.
        monkeypatch.setattr(expected_tenant, "require_by_form", lambda *_: None)

    def answer(self, name: str, method: str, probe: EndpointProbe) -> str:
        self._caller = probe.caller
        request = self._request(name, method, probe)
        response: Any = self._middleware.process_view(
            request, lambda _: HttpResponse(), (), {}
        )
        body_slots.release(request)
        return "called" if response is None else str(response["Code"])

    def _request(self, name: str, method: str, probe: EndpointProbe) -> HttpRequest:
        path = "/api/v1/x" if name.startswith("api:") else "/x"
        request: Any = self._factory.generic(method, path)
        request.META.pop("CONTENT_LENGTH", None)
        if probe.length is not None:
            request.META["CONTENT_LENGTH"] = str(probe.length)
        request.content_type = probe.content_type
        if probe.kind is TOKENS or probe.caller == STRANGER:
            request.META["HTTP_AUTHORIZATION"] = "Bearer secret"
        request.user = User() if probe.kind is PEOPLE else None
        request.session = {}
        request.resolver_match = SimpleNamespace(view_name=name)
        request._dont_enforce_csrf_checks = True  # has tests of its own
        made: HttpRequest = request
        return made

    def _sign_in(self, *_: Any, **__: Any) -> Caller:
        if not isinstance(self._caller, Caller):
            raise Refused("token-unknown")
        return self._caller

    def _render(self, _: HttpRequest, problem: Refused | Unavailable) -> HttpResponse:
        return HttpResponse(headers={"Code": problem.code})


@pytest.fixture
def gate(monkeypatch: pytest.MonkeyPatch) -> Gate:
    return Gate(monkeypatch)


ROWS = [
    (name, method, endpoint)
    for name, methods in ENDPOINTS.items()
    for method, endpoint in methods.items()
]


def changed(endpoint: Endpoint) -> Iterator[dict[str, Any]]:
    """Yield every change of one word that makes another declaration of it."""
    permissions = {ANYBODY, SIGNED_IN, *Permission} - {endpoint.permission}
    yield from ({"permission": one} for one in sorted(permissions))
    callers = {Callers.NONE, PEOPLE, TOKENS, PEOPLE | TOKENS} - {endpoint.callers}
    yield from ({"callers": one} for one in callers)
    yield from ({"body": one} for one in set(BodyKind) - {endpoint.body})
    most = endpoint.longest_body
    sizes = {0, most - 1, most + 1, 2 * most, most // 2, MAX_FILE_BYTES}
    taken = {most, endpoint.max_body}
    if most == settings.MAX_FILE_BYTES:
        taken.add(MAX_FILE_BYTES)
    yield from ({"max_body": one} for one in sizes - taken)
    yield {"is_fresh": not endpoint.is_fresh}
    yield {"needs_factors": not endpoint.needs_factors}


def test_each_endpoint_takes_and_refuses_what_is_documented(gate: Gate) -> None:
    gate.endpoints |= {name: dict(methods) for name, methods in ENDPOINTS.items()}
    wrong = [
        (name, method, probe, answer)
        for name, method, _ in ROWS
        for probe in probes(DOCUMENTED[name][method])
        if (answer := gate.answer(name, method, probe))
        != expected(name, DOCUMENTED[name][method], probe)
    ]
    assert wrong == []


def test_each_changed_value_of_each_endpoint_changes_an_answer(gate: Gate) -> None:
    unnoticed = [
        (name, method, change)
        for name, method, endpoint in ROWS
        for change in changed(endpoint)
        if not is_noticed(gate, name, method, change)
    ]
    assert unnoticed == []


def is_noticed(gate: Gate, name: str, method: str, change: dict[str, Any]) -> bool:
    """Say whether a change contradicts the other words, or a documented answer."""
    try:
        gate.endpoints[name] = {method: replace(ENDPOINTS[name][method], **change)}
    except ValueError:
        return True
    documented = DOCUMENTED[name][method]
    return any(
        gate.answer(name, method, probe) != expected(name, documented, probe)
        for probe in probes(documented)
    )


@pytest.mark.parametrize(
    "words",
    [
        {"permission": ANYBODY, "callers": PEOPLE},
        {"permission": SIGNED_IN, "callers": Callers.NONE},
        {"permission": SIGNED_IN, "callers": PEOPLE, "body": BodyKind.FORM},
        {"permission": SIGNED_IN, "callers": PEOPLE, "max_body": 1},
        {"permission": ANYBODY, "callers": Callers.NONE},
        {"permission": SIGNED_IN, "callers": TOKENS},
        {"permission": SIGNED_IN, "callers": PEOPLE | TOKENS, "is_fresh": True},
        {
            "permission": SIGNED_IN,
            "callers": PEOPLE,
            "is_fresh": True,
            "needs_factors": False,
        },
    ],
)
def test_an_endpoint_refuses_values_that_contradict_each_other(words: Any) -> None:
    with pytest.raises(ValueError, match="needs"):
        Endpoint(**words)
