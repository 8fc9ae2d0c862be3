"""Uploads with a token of one server, and with one that is revoked meanwhile."""

import json
from collections.abc import Iterator
from datetime import date
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
from django.db import connections

from portal.accounts import token_sign_in, tokens
from portal.db import unit_of_work
from portal.errors import Refused
from portal.health.invariants import InvariantScope
from portal.models import ApiToken, Scope
from tests.builders import NOW, Company, digest_header
from tests.journeys.stored_files import Api
from usage.maintenance.invariants import INVARIANTS
from usage.models import How, Upload, UsageFile
from usage.uploads import judge, receive

DAY = date(2026, 5, 7)


def send(api: Api, token: str, data: bytes) -> Any:
    headers = digest_header(data)
    kind = "application/octet-stream"
    return api(
        *("PUT", "/files/day.usg"),
        token=token,
        data=data,
        headers=headers,
        content_type=kind,
    )


@pytest.mark.parametrize("server", ["IC01", "ic01"])
def test_a_token_sends_the_files_of_its_server(
    alice: Company, api: Api, server: str
) -> None:
    token = alice.issue(Scope.UPLOAD, server=server)
    answer = send(api, token, alice.server.day(DAY))
    assert (answer.status_code, answer.json()["verdict"]) == (201, "accepted")


def test_a_file_of_another_server_is_refused_and_nothing_is_kept(
    alice: Company, api: Api, tmp_path: Path
) -> None:
    other = alice.registered("IC02").day(DAY)
    answer = send(api, alice.issue(Scope.UPLOAD, server="IC01"), other)
    assert (answer.status_code, answer.json()["code"]) == (403, "token-server")
    assert alice.files() == []
    assert list(tmp_path.rglob("*.usg")) == []
    # It is not lost: with the token of its own server it counts.
    token = alice.issue(Scope.UPLOAD, server="IC02")
    assert send(api, token, other).json()["verdict"] == "accepted"


def test_what_is_no_usage_file_is_judged_as_always(alice: Company, api: Api) -> None:
    token = alice.issue(Scope.UPLOAD, server="IC01")
    answer = send(api, token, b"PK\x03\x04 no usage file")
    assert (answer.status_code, answer.json()["verdict"]) == (422, "rejected")


def test_it_asks_about_files_and_reads_nothing_else(alice: Company, api: Api) -> None:
    token = alice.issue(Scope.UPLOAD, server="IC01")
    body = json.dumps({"files": []})
    asked = api(
        *("POST", "/files/check"),
        token=token,
        data=body,
        content_type="application/json",
    )
    assert asked.status_code == 200
    for path in ("/files", "/servers", "/periods", "/uploads", "/statements"):
        answer = api("GET", path, token=token)
        assert (answer.status_code, answer.json()["code"]) == (403, "not-allowed")


def test_its_runs_are_listed_under_its_server(alice: Company, api: Api) -> None:
    token = alice.issue(Scope.UPLOAD, server="IC01")
    sent = json.dumps({"step": 1, "machine": "another", "is_ended": True})
    answer = api(
        *("PUT", f"/uploads/{uuid4()}/report"),
        token=token,
        data=sent,
        content_type="application/json",
    )
    assert answer.status_code == 200
    with unit_of_work.acting_for(alice.id, reading=True):
        assert Upload.objects.get().machine == "IC01"


def test_a_token_that_is_revoked_while_the_body_is_read_leaves_no_file(
    alice: Company, tmp_path: Path
) -> None:
    header = f"Bearer {alice.token}"
    caller = token_sign_in.sign_in(header, address="192.0.2.7", at=NOW)
    data = alice.server.day(DAY)
    arrival = receive.IncomingFile(
        tenant_id=alice.id,
        name="day.usg",
        size=len(data),
        sha256=None,
        how=How.API,
        sent_by=caller.name,
        received_at=NOW,
        token_id=caller.token_id,
    )

    def chunks() -> Iterator[bytes]:
        yield data[:100]
        with unit_of_work.acting_for(alice.id):
            pk = ApiToken.objects.get().pk
            tokens.revoke(alice.id, pk, by="ada", at=NOW)
        yield data[100:]

    with pytest.raises(Refused, match="token-revoked"):
        judge.receive_and_judge(arrival, chunks(), at=NOW)
    with unit_of_work.acting_for(alice.id, reading=True):
        assert not UsageFile.objects.exists()
    assert list(tmp_path.rglob("*.usg")) == []


def test_the_last_use_of_a_token_is_not_before_the_last_file_sent_with_it(
    alice: Company, api: Api
) -> None:
    assert send(api, alice.token, alice.server.day(DAY)).status_code == 201
    (check,) = (one for one in INVARIANTS if one.name == "token-use-is-recorded")
    scope = InvariantScope(alice.id, NOW)
    assert list(check.check(scope)) == []
    with connections["owner"].cursor() as cursor:
        cursor.execute("update portal_apitoken set last_used_at = null")
    (finding,) = check.check(scope)
    assert finding.subject == "the token upload"
