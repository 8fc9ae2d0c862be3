"""What each address answers to each caller; a row for every address there is."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from http import HTTPStatus

from portal.doors import ANYBODY, API, DOORS, SIGNED_IN, Need
from portal.members import May
from tests.access.world import BROKEN, Caller, Ids, World, question
from tests.builders import digest_header

Body = Callable[[World, str], bytes]

# Every method that means something to somebody, and one that does to nobody.
METHODS = (
    *("GET", "HEAD", "OPTIONS", "TRACE", "CONNECT", "PUT", "PATCH", "DELETE"),
    *("PROPFIND", "BREW", "POST"),
)


def _nothing(_world: World, _whose: str) -> bytes:
    return b""


def _same_file(world: World, whose: str) -> bytes:
    return world.files[whose]


@dataclass(frozen=True, slots=True)
class Row:
    """One address: its path from the ids of a company, and what it answers.

    `own` for somebody who is let in, about his own company; `foreign`, if that is
    another answer, when the path or the body names what belongs to another.
    """

    path: Callable[[Ids], str]
    own: frozenset[int] = frozenset({200})
    foreign: frozenset[int] | None = None
    body: Body = _nothing
    headers: Mapping[str, str] = field(default_factory=dict)


def _answers(*statuses: int) -> frozenset[int]:
    return frozenset(statuses)


ROWS: Mapping[str, Row] = {
    "healthz": Row(lambda _: "/healthz"),
    # Who is signed in already is sent home.
    "sign-in": Row(lambda _: "/sign-in", own=_answers(200, 302)),
    "sign-out": Row(lambda _: "/sign-out", own=_answers(302)),
    "home": Row(lambda _: "/"),
    "api:api-root": Row(lambda _: "/api/v1/"),
    "api:openapi-json": Row(lambda _: "/api/v1/openapi.json"),
    "api:openapi-view": Row(lambda _: "/api/v1/docs"),
    "api:check-files": Row(
        lambda _: "/api/v1/files/check",
        body=lambda world, whose: question(world.ids[whose], world.files[whose]),
    ),
    "api:files": Row(lambda _: "/api/v1/files"),
    # The same file again; another company's is rejected, as any stray one is.
    "api:upload": Row(
        lambda _: "/api/v1/files/again.usg", foreign=_answers(422), body=_same_file
    ),
    "api:file": Row(lambda ids: f"/api/v1/files/{ids.accepted}", foreign=_answers(404)),
    "api:servers": Row(lambda _: "/api/v1/servers"),
    "api:confirm-key": Row(
        lambda ids: f"/api/v1/servers/{ids.server}/keys/{ids.fingerprint}/confirm",
        foreign=_answers(404),
    ),
    "api:periods": Row(lambda _: "/api/v1/periods"),
    "api:period": Row(lambda _: "/api/v1/periods/2026-05"),
}

READ = frozenset({May.READ})
UPLOAD = READ | {May.UPLOAD}
MANAGE = UPLOAD | {May.MANAGE}
STAFF = frozenset({May.STAFF_READ})

# What each caller may do; None: he is nobody; a code: he is told that at the API.
STANDING: Mapping[str, frozenset[May] | str | None] = {
    "nobody": None,
    "session of one who left": None,
    "token unknown": "token-unknown",
    "token expired": "token-unknown",
    "token revoked": "token-unknown",
    **{f"broken: {name}": "token-unknown" for name in BROKEN},
    "token of scope read": READ,
    "token of scope upload": UPLOAD,
    "token of scope manage": MANAGE,
    "session of viewer": READ,
    "session of uploader": UPLOAD,
    "session of admin": MANAGE,
    "session of clerk": STAFF | {May.STAFF_ACT},
    "session of auditor": STAFF,
    "partner for alice": MANAGE,
    "charlie's token: read": READ,
    "charlie's token: upload": UPLOAD,
    "charlie's token: manage": MANAGE,
    "charlie's session: viewer": READ,
    "charlie's session: uploader": UPLOAD,
    "charlie's session: admin": MANAGE,
    "partner for charlie": MANAGE,
    "charlie's session set to alice": MANAGE,
}


@dataclass(frozen=True, slots=True)
class Expected:
    """The statuses that are right, and the code that goes with them."""

    statuses: frozenset[int]
    code: str = ""


def expected(name: str, method: str, caller: Caller, *, whose: str) -> Expected:
    """Say what a call should be answered, from the registry's need alone."""
    row, methods = ROWS[name], DOORS[name]
    if not methods:
        return _refusal(HTTPStatus.NOT_FOUND, "not-found")
    need = methods.get("GET" if method == "HEAD" else method)
    if need is None:
        return _refusal(HTTPStatus.METHOD_NOT_ALLOWED, "method-unknown")
    is_api = row.path(_NO_IDS).startswith(API)
    refusal = _api_refusal(need, caller) if is_api else _page_refusal(need, caller)
    if refusal or whose == caller.company or row.foreign is None:
        return refusal or Expected(row.own)
    return Expected(row.foreign, "not-found")


def _api_refusal(need: Need, caller: Caller) -> Expected | None:
    standing = STANDING[caller.name]
    if need == ANYBODY:
        return None
    if standing is None:
        return _refusal(HTTPStatus.UNAUTHORIZED, "sign-in-needed")
    if isinstance(standing, str):
        return _refusal(HTTPStatus.UNAUTHORIZED, standing)
    if need not in standing:
        return _refusal(HTTPStatus.FORBIDDEN, "not-allowed")
    return None


def _page_refusal(need: Need, caller: Caller) -> Expected | None:
    """Pages know sessions only; a token there is nothing."""
    has_session = not (caller.name in NO_SESSION or "token:" in caller.name)
    if need == SIGNED_IN and not has_session:
        return _refusal(HTTPStatus.FOUND, "")
    return None


NO_SESSION = frozenset(
    {
        *("nobody", "session of one who left"),
        *(name for name in STANDING if name.startswith("token ")),
    }
)


def may_know_alice(name: str, caller: Caller) -> bool:
    """Say whether an answer may show what is Alice's at all."""
    standing = STANDING[caller.name]
    if caller.name.startswith("broken"):
        # Pages, which know no tokens, show people who is signed in.
        return name == "api:openapi-view" or not name.startswith("api:")
    is_member = isinstance(standing, frozenset) and May.READ in standing
    return caller.company == "alice" and is_member


def _refusal(status: HTTPStatus, code: str) -> Expected:
    return Expected(frozenset({int(status)}), code)


_NO_IDS = Ids(*[""] * 14)


def headers_for(method: str, body: bytes) -> dict[str, str]:
    """Return what a well-behaved client sends with a call."""
    sent = {"X-CSRFToken": "c" * 32}
    return sent | (digest_header(body) if method == "PUT" else {})
