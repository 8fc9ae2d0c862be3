"""A few hundred mutated requests, the same ones each time, through the test client."""

import random
from datetime import date, timedelta
from http import HTTPStatus
from pathlib import Path
from typing import Any

from django.test import Client

from tests.builders import Company
from tests.fuzz.fuzz_requests import FuzzRequest, Material, make_up, to_bytes
from tests.journeys.stored_files import assert_rows_and_bytes_agree

ROUNDS = 600
SEED = 20_260_520


def sent(client: Client, request: FuzzRequest) -> Any:
    length = request.length or ""
    # The test client has no connection that could stall.
    if length.isdecimal():
        length = str(min(int(length), len(request.body)))
    headers = {name: value for name, value in request.headers if name != "Host"}
    content_type = headers.pop("Content-Type", "application/octet-stream")
    return client.generic(
        request.method,
        request.path,
        request.body,
        content_type,
        headers={k: v for k, v in headers.items() if k != "Content-Length"},
        CONTENT_LENGTH=length,
    )


def test_no_mutated_request_is_answered_with_a_failure(
    alice: Company, charlie: Company, tmp_path: Path
) -> None:
    first = date(2026, 5, 1)
    days = alice.server.days(first, first + timedelta(days=5))
    file, _ = alice.send(days[0])
    material = Material(token=alice.token, file_id=str(file.pk), files=days)
    rng, client = random.Random(SEED), Client(raise_request_exception=False)
    for _ in range(ROUNDS):
        request = make_up(rng, material)
        status = sent(client, request).status_code
        assert status < HTTPStatus.INTERNAL_SERVER_ERROR, to_bytes(request)[:2_000]
    # Whatever was accepted is one of the sound files, and nothing lies about.
    accepted = [one for one in alice.files() if one.state == "accepted"]
    assert len(accepted) <= len(days)
    assert charlie.files() == []
    assert_rows_and_bytes_agree(alice, tmp_path)
