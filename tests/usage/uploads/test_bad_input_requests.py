"""Malformed requests are refused with a code, and nothing is stored."""

import hashlib
import json
from base64 import b64encode
from collections.abc import Callable
from datetime import date
from functools import partial
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
import time_machine
from django.test import Client

from tests.builders import NOW, Company, digest_header
from tests.journeys.stored_files import Api, bytes_below, code_of, put

DATA = b"any bytes"
SHA256 = hashlib.sha256(DATA).digest()
BASE64 = b64encode(SHA256).decode()


def status_and_code(response: Any) -> tuple[int, str]:
    return response.status_code, code_of(response)


def sent_with(api: Api, company: Company, **extra: Any) -> Any:
    headers = extra.pop("headers", digest_header(DATA))
    return api(
        "PUT",
        "/files/day.usg",
        token=company.token,
        data=DATA,
        content_type="application/octet-stream",
        headers=headers,
        **extra,
    )


DIGESTS = (
    (None, "digest-required"),
    ("", "digest-invalid"),
    ("sha-256", "digest-invalid"),
    (f"sha-256={BASE64}", "digest-invalid"),
    (f"sha-256=:{BASE64}", "digest-invalid"),
    (f"sha-256=:{BASE64[:-1]}:", "digest-invalid"),
    (f"sha-256=:{BASE64[:-4]}:", "digest-invalid"),
    (f"sha-256=:{BASE64}AAAA:", "digest-invalid"),
    ("sha-256=::", "digest-invalid"),
    ("sha-256=:====:", "digest-invalid"),
    (f"sha-256=: {BASE64}:", "digest-invalid"),
    (f"sha-256=:{SHA256.hex()}:", "digest-invalid"),
    (f'sha-256="{SHA256.hex()}"', "digest-invalid"),
    (f"sha-512=:{BASE64}:", "digest-invalid"),
    (f"xsha-256=:{BASE64}:", "digest-invalid"),
    (f"md5=:{b64encode(bytes(16)).decode()}:", "digest-invalid"),
    ("sha-256=:\u00e9:", "digest-invalid"),
    ("sha-256=:" + "A" * 8_000 + ":", "digest-invalid"),
    (f"sha-256=:{b64encode(bytes(32)).decode()}:", "digest-differs"),
)


def test_a_digest_that_is_missing_unreadable_or_another_is_refused(
    alice: Company, api: Api, tmp_path: Path
) -> None:
    def answer(header: str | None) -> tuple[int, str]:
        headers = {} if header is None else {"Content-Digest": header}
        return status_and_code(sent_with(api, alice, headers=headers))

    answers = {header: answer(header) for header, _ in DIGESTS}
    assert answers == {header: (400, code) for header, code in DIGESTS}
    assert alice.files() == []
    assert bytes_below(tmp_path) == {}


@pytest.mark.parametrize(
    "header",
    [
        f"sha-256=:{BASE64}:",
        f"md5=:{b64encode(bytes(16)).decode()}:, sha-256=:{BASE64}:",
        f"sha-256=:{BASE64}:,sha-512=:{b64encode(bytes(64)).decode()}:",
    ],
)
def test_the_sha_256_is_found_among_other_digests(
    alice: Company, api: Api, header: str
) -> None:
    response = sent_with(api, alice, headers={"Content-Digest": header})
    assert response.json()["verdict"] == "rejected"
    assert response.json()["file"]["sha256"] == SHA256.hex()


LENGTHS = (
    ("", 411, "length-required"),
    ("nine", 400, "length-invalid"),
    ("-1", 400, "length-invalid"),
    ("+9", 400, "length-invalid"),
    (" 9", 400, "length-invalid"),
    ("9 ", 400, "length-invalid"),
    ("9,9", 400, "length-invalid"),
    ("9.0", 400, "length-invalid"),
    ("0x9", 400, "length-invalid"),
    ("1e1", 400, "length-invalid"),
    ("\u0669", 400, "length-invalid"),
    ("9" * 5_000, 400, "length-invalid"),
    ("9" * 15, 413, "file-too-large"),
    (str(64 * 1024 * 1024 + 1), 413, "file-too-large"),
)


def test_a_length_that_is_none_is_refused(
    alice: Company, api: Api, tmp_path: Path
) -> None:
    answers = {
        length: status_and_code(sent_with(api, alice, CONTENT_LENGTH=length))
        for length, _, _ in LENGTHS
    }
    assert answers == {length: (status, code) for length, status, code in LENGTHS}
    assert alice.files() == []
    assert bytes_below(tmp_path) == {}


@pytest.mark.parametrize("coding", ["chunked", "Chunked", "gzip, chunked"])
def test_chunked_transfer_is_not_taken_whatever_else_is_said(
    alice: Company, api: Api, coding: str
) -> None:
    headers = {**digest_header(DATA), "Transfer-Encoding": coding}
    response = sent_with(api, alice, headers=headers)
    assert (response.status_code, code_of(response)) == (411, "length-required")


def test_the_length_is_looked_at_before_the_digest(alice: Company, api: Api) -> None:
    response = sent_with(api, alice, headers={}, CONTENT_LENGTH="")
    assert code_of(response) == "length-required"


def check_files(api: Api, company: Company, body: bytes | str) -> Any:
    data = body.encode("utf-8", "surrogatepass") if isinstance(body, str) else body
    return api(
        "POST",
        "/files/check",
        token=company.token,
        data=data,
        content_type="application/json",
    )


def one(**changes: Any) -> str:
    return json.dumps({"files": [{"size": 9, "sha256": SHA256.hex()} | changes]})


BAD_QUESTIONS: dict[str, bytes | str] = {
    "nothing": b"",
    "not json": b"files=1",
    "not utf-8": b'{"files": [{"name": "\xff\xfe"}]}',
    "half": b'{"files": [',
    "a number": b"7",
    "a size of 5,000 digits": one().replace("9", "9" * 5_000, 1),
    "null": b"null",
    "a list": b"[]",
    "a text": b'"files"',
    "no files": b"{}",
    "files null": b'{"files": null}',
    "files a number": b'{"files": 7}',
    "files an object": b'{"files": {"0": {}}}',
    "1,001 files": json.dumps({"files": [json.loads(one())["files"][0]] * 1_001}),
    "a huge name": one(name="x" * 3_000_000),
    "nested": b"[" * 100_000,
    "nested objects": b'{"a":' * 50_000,
}


WRONG_FILES: dict[str, bytes | str] = {
    "a file a number": b'{"files": [7]}',
    "neither hash nor tail": one(sha256=None),
    "size missing": b'{"files": [{"sha256": "' + b"a" * 64 + b'"}]}',
    "size a text": one(size="nine"),
    "size null": one(size=None),
    "size a list": one(size=[9]),
    "size negative": one(size=-1),
    "size half": one(size=1.5),
    "size too large": one(size=2**62 + 1),
    "size nan": one().replace("9", "NaN", 1),
    "size infinite": one().replace("9", "1e999", 1),
    "hash in capitals": one(sha256=SHA256.hex().upper()),
    "hash too short": one(sha256=SHA256.hex()[:-2]),
    "hash too long": one(sha256=SHA256.hex() + "00"),
    "hash with a line end": one(sha256=SHA256.hex() + "\n"),
    "hash not hex": one(sha256="g" * 64),
    "hash a number": one(sha256=7),
    "hash in wide digits": one(sha256="\uff10" * 64),
    "tail too short": one(sha256=None, tail="ab"),
    "tail not hex": one(sha256=None, tail="g" * 128),
    "name a number": one(name=7),
    "name too long": one(name="x" * 5_001),
    "name half a surrogate": one(name="\ud800.usg"),
}


def test_a_question_about_one_file_of_the_wrong_form_is_marked_in_its_row(
    alice: Company, api: Api
) -> None:
    for kind, body in WRONG_FILES.items():
        response = check_files(api, alice, body)
        assert response.status_code == 200, kind
        (found,) = response.json()["files"]
        assert (found["is_needed"], found["file"]) == (True, None), kind
        assert found["problem"]["code"] == "input-invalid", kind
        assert found["problem"]["advice"], kind
        # The problem names the field and the rule, and repeats only a short name.
        assert len(response.content) < 1_000, kind


def test_a_question_of_the_wrong_form_is_refused(alice: Company, api: Api) -> None:
    responses = {
        kind: check_files(api, alice, body) for kind, body in BAD_QUESTIONS.items()
    }
    answers = {kind: status_and_code(response) for kind, response in responses.items()}
    # A body beyond all measure is not read at all.
    expected = dict.fromkeys(BAD_QUESTIONS, (422, "input-invalid"))
    assert answers == {**expected, "a huge name": (413, "body-too-large")}
    # It says where and why, and repeats nothing of what was sent.
    assert max(len(response.content) for response in responses.values()) < 1_000
    assert all(response.json()["advice"] for response in responses.values())


GOOD_QUESTIONS: dict[str, bytes | str] = {
    "no file at all": b'{"files": []}',
    "utf-16, which json allows": '{"files": []}'.encode("utf-16"),
    "a file of nothing": one(size=0),
    "the largest size": one(size=2**62),
    "unknown fields": one(colour="red", tenant_id=1),
    "a name of 5,000": one(name="x" * 5_000),
    "a name with a nul": one(name="a\x00b"),
    "a name read backwards": one(name="\u202egsu.exe"),
    "an emoji": one(name="\U0001f600.usg"),
    "a doubled key": '{"files": [], "files": []}',
    "both hash and tail": one(tail="ab" * 64),
    "1,000 files": json.dumps({"files": [json.loads(one())["files"][0]] * 1_000}),
}


def test_an_odd_but_sound_question_is_answered(alice: Company, api: Api) -> None:
    for kind, body in GOOD_QUESTIONS.items():
        response = check_files(api, alice, body)
        assert response.status_code == 200, kind
        asked = json.loads(body)["files"]
        answers = response.json()["files"]
        assert [found["name"] for found in answers] == [
            question.get("name", "") for question in asked
        ]
        assert all(found["is_needed"] for found in answers)


QUERIES = [
    *("state=lost", "state=", "how=pigeon", "limit=0", "limit=-1", "limit=201"),
    *("limit=ten", "limit=1e2", "limit=99999999999999999999", "after=1", "after=%00"),
    *("first_day=yesterday", "first_day=2026-02-30", "last_day=0000-01-01"),
    *("first_day=10000-01-01", "server=" + "x" * 129, "first_day=2026-05-01T01:00:00Z"),
    *("server=%00", "server=a%00b", "first_day=%00", "limit=%00"),
]


def test_a_filter_that_means_nothing_is_refused(alice: Company, api: Api) -> None:
    answers = {
        query: status_and_code(api("GET", f"/files?{query}", token=alice.token))
        for query in QUERIES
    }
    assert answers == dict.fromkeys(QUERIES, (422, "input-invalid"))


FILTERS = ["server=%F0%9F%98%80", "server=%ff", "server=%25", "server=_", "limit=1"]


def test_a_filter_is_never_a_pattern(alice: Company, api: Api) -> None:
    alice.send(alice.server.day(date(2026, 5, 1)))
    found = {
        query: len(api("GET", f"/files?{query}", token=alice.token).json()["files"])
        for query in FILTERS
    }
    assert found == {**dict.fromkeys(FILTERS, 0), "limit=1": 1}


NOT_FOUND = [
    *(str(uuid4()), "not-a-uuid", "1", "%00", "..", "' or 1=1--", "%ff", "x" * 5_000),
    "00000000-0000-0000-0000-000000000000",
    str(uuid4()).upper(),
    str(uuid4()).replace("-", ""),
    "{" + str(uuid4()) + "}",
]


def test_an_id_that_is_of_no_file_finds_nothing(alice: Company, api: Api) -> None:
    answers = {
        status_and_code(api("GET", f"/files/{one}", token=alice.token))
        for one in NOT_FOUND
    }
    # What is no id at all can only be the name of a file to send.
    assert answers == {(404, "not-found"), (405, "method-unknown")}


NO_PERIODS = [
    *("2026", "2026-5", "2026-13", "2026-00", "26-05", "2026-05-01", "may", "%00"),
    *("2026-05%0A", "%202026-05", "2026-05%20", "+2026-05", "-2026-05", "20260-5"),
    *(
        "\u0662\u0660\u0662\u0666-05",
        "2026\u201005",
        "0000-01",
        "0000-00",
        "9" * 5_000,
    ),
    *("2026-1e", "2026_05", "2026-05.usg", "%ff", "..", "null", "NaN"),
]


def test_a_period_that_is_none_is_refused(alice: Company, api: Api) -> None:
    answers = {
        status_and_code(api("GET", f"/periods/{one}", token=alice.token))
        for one in NO_PERIODS
    }
    assert answers == {(422, "period-invalid")}


@pytest.mark.parametrize(
    "name",
    ["0001-01", "0001-02", "1900-01", "2026-04", "2400-12", "9999-11", "9999-12"],
)
def test_a_period_at_the_end_of_the_calendar_is_answered_or_refused(
    alice: Company, api: Api, name: str
) -> None:
    response = api("GET", f"/periods/{name}", token=alice.token)
    if response.status_code == 200:
        assert response.json()["period"] == name
    else:
        assert (response.status_code, code_of(response)) == (422, "period-invalid")


SERVER_NAMES = [
    "%00",
    "a%00b",
    "%ff",
    "..",
    "x" * 5_000,
    "%E2%80%AE",
    "'",
    "IC99",
    "%25",
]


NO_KEYS = ["%00", "x" * 5_000, "a" * 32, "%F0%9F%98%80", "'", "a/keys/a", " "]


def test_a_key_that_nobody_has_cannot_be_confirmed(alice: Company) -> None:
    client = Client(raise_request_exception=False)
    client.force_login(alice.people["admin"])
    for name in SERVER_NAMES:
        for key in NO_KEYS:
            response = client.generic(
                "POST", f"/api/v1/servers/{name}/keys/{key}/confirm"
            )
            expected = (404, "not-found")
            if "%00" in name + key:
                expected = (422, "input-invalid")
            assert status_and_code(response) == expected, (name, key)


def test_a_body_where_none_is_taken_is_refused(alice: Company, api: Api) -> None:
    for body in (b"\x00\xff", b"{", b"[" * 100_000, b"x" * 3_000_000):
        for path in ("/files", "/periods", "/servers"):
            response = api("GET", path, token=alice.token, data=body)
            assert status_and_code(response) == (400, "body-unexpected")


def never_fails(act: Callable[[], Any]) -> None:
    assert act().status_code < 500


def test_nothing_said_of_files_and_periods_fails_for_a_held_file_of_any_year(
    alice: Company, api: Api
) -> None:
    """Clocks stop at the first and the last day there is."""
    with time_machine.travel(NOW):
        for day in (date(1, 1, 2), date(1970, 1, 1), date(9999, 12, 30)):
            writer = alice.registered(f"IC{day.year}", zone="UTC")
            assert put(api, alice, writer.day(day)).json()["verdict"] == "held"
        paths = ["/files", "/servers", "/periods", "/files?state=held"]
        paths += [f"/periods/{one}" for one in ("0001-01", "0001-02", "1970-01")]
        paths += [f"/periods/{one}" for one in ("2026-05", "9999-12", "9999-11")]
        for path in paths:
            never_fails(partial(api, "GET", path, token=alice.token))
