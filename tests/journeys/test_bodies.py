"""A body that an endpoint does not take is refused by the head of its request.

Everything is sent to the real web server, on sockets of its own.
"""

import re
import time
from collections.abc import Iterator
from http import HTTPStatus
from pathlib import Path
from uuid import UUID

import pytest
from django.conf import settings
from django.test import Client

from portal.http.endpoint_types import ANYBODY, BodyKind, Endpoint
from tests.access.documented import DOCUMENTED, addresses_by_name
from tests.builders import Company
from tests.journeys.live_server import (
    RawAnswer,
    RunningPortal,
    link_static_files,
    request,
    running_portal,
)

pytestmark = pytest.mark.faults

CSRF = "c" * 32

# Seconds: far less than any patience of the server, on a machine that is busy.
AT_ONCE = 6

# Values for the parts of addresses; nothing there is found, and nothing is looked for.
PARTS = {"period": "2026-05", "day": "2026-05-14"}
PARTS |= dict.fromkeys(("file_id", "key"), str(UUID(int=1)))

# Content types that a kind of body does not have.
OTHER_KIND = {
    BodyKind.FORM: "application/json",
    BodyKind.FILES: "application/x-www-form-urlencoded",
    BodyKind.JSON: "application/x-www-form-urlencoded",
    BodyKind.STREAM: "multipart/form-data; boundary=x",
}


def path_of(route: str) -> str:
    def value(found: re.Match[str]) -> str:
        return PARTS.get(found[1]) or ("1" if found[1].endswith("_id") else "x")

    return re.sub(r"\{(\w+)\}", value, route)


def endpoints() -> Iterator[tuple[str, str, Endpoint]]:
    """Yield path, method and declaration of every endpoint."""
    routes = addresses_by_name()
    for name, methods in DOCUMENTED.items():
        for method, endpoint in methods.items():
            yield path_of(routes[name]), method, endpoint


def session_cookie(alice: Company) -> str:
    client = Client()
    client.force_login(alice.people["admin"])
    session = client.cookies[settings.SESSION_COOKIE_NAME].value
    return f"{settings.SESSION_COOKIE_NAME}={session}; csrftoken={CSRF}"


@pytest.fixture
def temporary(tmp_path: Path) -> Path:
    folder = tmp_path / "temporary"
    folder.mkdir()
    return folder


@pytest.fixture
def portal(
    db: None, tmp_path: Path, temporary: Path, worker_id: str
) -> Iterator[RunningPortal]:
    """A web server that says where it writes what it has to put aside."""
    link_static_files(tmp_path)
    changes = {"TMPDIR": str(temporary), "S3_BUCKET": f"tests-{worker_id}"}
    database = f"test_portal_{worker_id}"
    with running_portal(tmp_path, database=database, changes=changes) as running:
        yield running


def refusals(endpoint: Endpoint) -> Iterator[tuple[int, dict[str, str], bytes]]:
    """Yield the status that is right, and headers and body that earn it."""
    most = endpoint.longest_body
    kind = {"Content_Type": "application/json"}
    if endpoint.body is BodyKind.NONE:
        yield HTTPStatus.BAD_REQUEST, {**kind, "Content_Length": "9999999999"}, b""
        yield HTTPStatus.BAD_REQUEST, kind, b"x"
    else:
        too_long = {"Content_Length": str(most + 1)}
        # Of what the web server collects beforehand there has to be all.
        body = b"x" * (most + 1) if most < 64 * 1024 else b""
        yield HTTPStatus.REQUEST_ENTITY_TOO_LARGE, too_long, body
        yield HTTPStatus.REQUEST_ENTITY_TOO_LARGE, {"Content_Length": "9" * 14}, b""
        other = {"Content_Type": OTHER_KIND[endpoint.body]}
        yield HTTPStatus.UNSUPPORTED_MEDIA_TYPE, other, b"x"
    endless = {"Content_Length": "", "Transfer_Encoding": "chunked"}
    yield HTTPStatus.LENGTH_REQUIRED, endless, b""


def test_a_wrong_body_is_refused_at_each_endpoint_before_it_is_sent(
    portal: RunningPortal, alice: Company, temporary: Path
) -> None:
    signed_in = {"Cookie": session_cookie(alice), "X_CSRFToken": CSRF}
    before = temporary.stat().st_mtime_ns
    wrong = []
    for path, method, endpoint in endpoints():
        for status, headers, body in refusals(endpoint):
            for caller in [{}] if method == "GET" else [{}, signed_in]:
                sent = request(method, path, body, **headers, **caller)
                began = time.monotonic()
                answer = portal.send_raw(sent)
                took = time.monotonic() - began
                if answer.status != status or took > AT_ONCE:
                    wrong.append((method, path, headers, answer.status, took))
    assert wrong == []
    assert temporary.stat().st_mtime_ns == before


def test_what_is_sent_beyond_the_announced_length_is_never_read_as_the_body(
    portal: RunningPortal, alice: Company
) -> None:
    wrong = []
    for path, method, endpoint in endpoints():
        if endpoint.body is BodyKind.NONE:
            continue
        kind = OTHER_KIND[endpoint.body]
        sent = request(method, path, b"12", Content_Length="1", Content_Type=kind)
        with portal.connect() as wire:
            wire.send(sent + b"345678\r\n\r\n")
            first, second = wire.answer(), wire.answer()
        if first.status != HTTPStatus.UNSUPPORTED_MEDIA_TYPE or second.status not in {
            0,
            HTTPStatus.BAD_REQUEST,
        }:
            wrong.append((method, path, first.status, second.status))
    assert wrong == []


def form_with_file(path: str, size: int, cookie: str = "") -> bytes:
    body = (
        b"--x\r\nContent-Disposition: form-data; name=files; filename=a.usg\r\n\r\n"
        + b"u" * size
        + b"\r\n--x--\r\n"
    )
    kind = "multipart/form-data; boundary=x"
    return request("POST", path, body, Content_Type=kind, Cookie=cookie)


def test_no_body_of_an_anonymous_client_is_written_to_the_disk(
    portal: RunningPortal, temporary: Path
) -> None:
    before = temporary.stat().st_mtime_ns
    for path, method, endpoint in endpoints():
        if method == "POST" and "/api/" not in path:
            answer = portal.send_raw(form_with_file(path, 15_000))
            assert answer.status in {
                *(HTTPStatus.OK, HTTPStatus.FOUND, HTTPStatus.FORBIDDEN)
            }, path
            assert (answer.status == HTTPStatus.FOUND) or endpoint.permission == ANYBODY
    assert temporary.stat().st_mtime_ns == before


def send_much(portal: RunningPortal, path: str, *, size: int) -> RawAnswer:
    with portal.connect() as wire:
        wire.send(form_with_file(path, size)[:2_000])
        answer = wire.answer()
        assert wire.is_closed()
    return answer


def test_a_large_anonymous_form_is_refused_before_it_is_sent(
    portal: RunningPortal, temporary: Path
) -> None:
    before = temporary.stat().st_mtime_ns
    answer = send_much(portal, "/sign-in", size=120_000_000)
    assert answer.status == HTTPStatus.REQUEST_ENTITY_TOO_LARGE
    assert b"larger than 16 KiB" in answer.body
    # Signing in comes before the files: the body is not needed to say so.
    assert send_much(portal, "/upload", size=120_000_000).status == HTTPStatus.FOUND
    assert temporary.stat().st_mtime_ns == before
