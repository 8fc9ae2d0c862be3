"""Headers of proxies, from a client of this machine, mean nothing to the server."""

from collections.abc import Iterator, Mapping
from datetime import date
from pathlib import Path

import pytest
from django.conf import settings
from django.test import Client

from tests.builders import Company, digest_header
from tests.journeys.live_server import (
    RunningPortal,
    link_static_files,
    request,
    running_portal,
)

pytestmark = pytest.mark.faults

MOVES = (
    {"SCRIPT_NAME": "/api"},
    {"Script_Name": "/api"},
    {"PATH_INFO": "/api/v1/files"},
)


def written(
    method: str, path: str, *headers: Mapping[str, str], body: bytes = b""
) -> bytes:
    """Write a request down, with the underscores of its headers' names."""
    lines = [f"{name}: {value}" for some in headers for name, value in some.items()]
    sent = request(method, path, body, Content_Type="application/json")
    head, _, rest = sent.partition(b"\r\n\r\n")
    return b"\r\n".join([head, *(line.encode() for line in lines)]) + b"\r\n\r\n" + rest


@pytest.fixture
def https_portal(db: None, tmp_path: Path, worker_id: str) -> Iterator[RunningPortal]:
    """A web server whose address is https, with no proxy that is trusted."""
    link_static_files(tmp_path)
    changes = {
        "PORTAL_ADDRESS": "https://127.0.0.1",
        "S3_BUCKET": f"tests-{worker_id}",
    }
    database = f"test_portal_{worker_id}"
    with running_portal(tmp_path, database=database, changes=changes) as running:
        yield running


def test_no_header_moves_an_address_so_that_a_token_opens_a_page(
    live_portal: RunningPortal, alice: Company
) -> None:
    token = {"Authorization": f"Bearer {alice.token}"}
    for moved in MOVES:
        for path in ("/files", "/servers", "/people"):
            answer = live_portal.send_raw(written("GET", path, token, moved))
            assert answer.status == 302
            assert answer.headers["location"].startswith("/sign-in")


def test_no_header_moves_an_address_so_that_a_token_acts_on_a_page(
    live_portal: RunningPortal, alice: Company
) -> None:
    token = {"Authorization": f"Bearer {alice.token}"}
    for moved in MOVES:
        answer = live_portal.send_raw(
            written("POST", "/people/own-mails", token, moved)
        )
        assert answer.status == 302
        assert answer.headers["location"].startswith("/sign-in")


def test_no_header_moves_the_api_so_that_a_session_needs_no_csrf_token(
    live_portal: RunningPortal, alice: Company
) -> None:
    client = Client()
    client.force_login(alice.people["admin"])
    name = settings.SESSION_COOKIE_NAME
    session = {"Cookie": f"{name}={client.cookies[name].value}"}
    for moved in ({"SCRIPT_NAME": "/x"}, {"SCRIPT_NAME": "/api/v1"}):
        path = "/api/v1/files/check"
        answer = live_portal.send_raw(
            written("POST", path, session, moved, body=b'{"files": []}')
        )
        assert (answer.status, answer.code) == (403, "csrf-missing")


def test_a_token_over_plain_http_is_refused_and_not_redirected(
    https_portal: RunningPortal, alice: Company
) -> None:
    data = alice.server.day(date(2026, 5, 1))
    token = {"Authorization": f"Bearer {alice.token}"}
    digest = digest_header(data)
    for said in ({}, {"X-Forwarded-Proto": "https"}, {"X-Forwarded-Ssl": "on"}):
        for sent in (
            written("GET", "/api/v1/files", token, said),
            written("PUT", "/api/v1/files/a.usg", token, digest, said, body=data),
            written("GET", "/api/v1/nothing", token, said),
        ):
            answer = https_portal.send_raw(sent)
            assert (answer.status, answer.code) == (403, "https-needed")
        answer = https_portal.send_raw(written("GET", "/calendar/x.ics", said))
        assert answer.status == 403
        # People are led to the right address, and machines of this network let in.
        answer = https_portal.send_raw(written("GET", "/files", said))
        assert answer.headers["location"] == "https://127.0.0.1/files"
        assert https_portal.send_raw(written("GET", "/healthz")).status == 200
