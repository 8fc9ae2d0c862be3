"""The header is accepted in its exact form only."""

import json
from datetime import datetime

import pytest

from tests.samples.usg import cases
from usage.usg import Code
from usage.usg import header as headers
from usage.usg.header import parse

pytestmark = pytest.mark.plain


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("tenant", ""),
        ("tenant", "x" * 65),
        ("tenant", 1001),
        ("tenant", " C-1001"),
        ("server", "x" * 129),
        ("server", "cafe\u0301"),
        ("series", "0B0F2C2E-61F5-4C9E-8D3B-2F6F1C5A7D10"),
        ("series", "{0b0f2c2e61f54c9e8d3b2f6f1c5a7d10}"),
        ("series", "x"),
        ("sequence", 0),
        ("sequence", -1),
        ("sequence", 2**63),
        ("sequence", True),
        ("sequence", "1"),
        ("previous", "ab"),
        ("previous", "AB" * 32),
        ("previous", 0),
        ("day", "2026-02-29"),
        ("day", "2026-5-7"),
        ("day", "20260507"),
        ("day", "2026-W19-4"),
        ("day", "٢٠٢٦-05-07"),
        ("day", "0000-01-01"),
        ("zone", "z" * 65),
        ("opened_at", "2026-05-06T22:00:00+00:00"),
        ("opened_at", "2026-05-06T22:00:00.5Z"),
        ("opened_at", "2026-05-06T22:00:60Z"),
        ("opened_at", "2026-05-06 22:00:00Z"),
        ("closed_at", None),
        ("opened_offset", 1081),
        ("opened_offset", -1081),
        ("closed_offset", "120"),
        ("closed_by", "boredom"),
        ("closed_by", 1),
        ("sessions", -1),
        ("sessions", 2**53 + 1),
        ("key", "ab"),
        ("signer", "zz" * 32),
        ("writer", "w" * 129),
    ],
)
def test_a_field_out_of_its_form_is_refused_by_name(name: str, value: object) -> None:
    header, [problem] = parse(cases.fields(**{name: value}))
    assert header is None
    assert problem.code is Code.HEADER_FIELD_INVALID
    assert problem.params["field"] == name
    assert len(str(problem.params["value"])) <= 61


def test_every_wrong_field_is_reported_at_once() -> None:
    _, problems = parse(cases.fields(day="x", sequence=0, zone=..., server=""))
    assert [problem.where for problem in problems] == [
        "header.server",
        "header.sequence",
        "header.day",
        "header.zone",
    ]


@pytest.mark.parametrize("name", [*json.loads(cases.fields())])
def test_no_field_may_lack(name: str) -> None:
    _, [problem] = parse(cases.fields(**{name: ...}))
    assert (problem.code, problem.params) == (
        Code.HEADER_FIELD_MISSING,
        {"field": name},
    )


@pytest.mark.parametrize(
    ("data", "code"),
    [
        (b"", Code.HEADER_NOT_JSON),
        (b"[]", Code.HEADER_NOT_JSON),
        (b"null", Code.HEADER_NOT_JSON),
        (b"{}x", Code.HEADER_NOT_JSON),
        (b"{'a':1}", Code.HEADER_NOT_JSON),
        (b'{"a":1,}', Code.HEADER_NOT_JSON),
        (b'{"a":"\n"}', Code.HEADER_NOT_JSON),
        (b'{"a":01}', Code.HEADER_NOT_JSON),
        (b'{"a":{}}', Code.HEADER_NESTED),
        (b'{"a":[]}', Code.HEADER_NESTED),
        (b"[" * 16_000, Code.HEADER_NOT_JSON),
        (b'{"a":' * 3_000, Code.HEADER_NESTED),
        (b'{"a":1,"a":1}', Code.HEADER_DUPLICATE),
        (b'{"a":1,"\\u0061":1}', Code.HEADER_DUPLICATE),
        (b'{"a":NaN}', Code.HEADER_NUMBER),
        (b'{"a":-Infinity}', Code.HEADER_NUMBER),
        (b'{"a":1e999}', Code.HEADER_NUMBER),
        (b'{"a":1.0}', Code.HEADER_NUMBER),
        (b'{"a":' + b"9" * 5_000 + b"}", Code.HEADER_NUMBER),
        (b'{"a":"\\u0000"}', Code.HEADER_TEXT),
        (b'{"\\u0000":1}', Code.HEADER_TEXT),
        (b'{"a":"\\ud800"}', Code.HEADER_TEXT),
        (b'{"a":"\\u202e"}', Code.HEADER_TEXT),
        (b'{"a":"\xed\xa0\x80"}', Code.HEADER_NOT_UTF8),
        (b'{"a":"\xc0\x80"}', Code.HEADER_NOT_UTF8),
        ('{"a":1}'.encode("utf-16"), Code.HEADER_NOT_UTF8),
        (b"\xef\xbb\xbf{}", Code.HEADER_BYTE_ORDER_MARK),
    ],
)
def test_anything_but_strict_flat_json_is_refused(data: bytes, code: Code) -> None:
    header, [problem] = parse(data)
    assert header is None
    assert problem.code is code
    assert problem.title.isprintable()


@pytest.mark.parametrize(
    ("data", "code"),
    [
        (b'{"a":[1,}', Code.HEADER_NESTED),
        (b'{"a":{"\\u0000":1}}', Code.HEADER_NESTED),
        (b'{"a":NaN,"a":[', Code.HEADER_NUMBER),
        (b'{"a":1,"a":NaN}', Code.HEADER_DUPLICATE),
        (b'{"a":1,"a"', Code.HEADER_DUPLICATE),
        (b'{"\\u0000":NaN}', Code.HEADER_TEXT),
        (b'{"a":"\x7f","b"', Code.HEADER_TEXT),
        (b'{"a" 1,"a":[]}', Code.HEADER_NOT_JSON),
        (b'{"a":"\x7f', Code.HEADER_NOT_JSON),
        (b'{"a":1.}', Code.HEADER_NOT_JSON),
        (b'{"a":[' + b"[" * 16_000, Code.HEADER_NESTED),
    ],
)
def test_the_first_fault_of_the_json_decides(data: bytes, code: Code) -> None:
    _, [problem] = parse(data)
    assert problem.code is code


def test_the_code_of_nested_lists_does_not_depend_on_the_stack() -> None:
    def deeper(left: int) -> Code:
        if left:
            return deeper(left - 1)
        _, [problem] = parse(b"[" * 600)
        return problem.code

    assert {deeper(0), deeper(500)} == {Code.HEADER_NOT_JSON}


@pytest.mark.parametrize(
    ("name", "value", "code"),
    [
        ("server", "IC01\x00", Code.HEADER_TEXT),
        ("server", "IC01\u202e", Code.HEADER_TEXT),
        ("later", "\u202e", Code.HEADER_TEXT),
        ("tenant", "\x7f" * 65, Code.HEADER_TEXT),
        ("server", "IC01\u00a0", Code.HEADER_TEXT),
        ("server", "IC01 ", Code.HEADER_FIELD_INVALID),
        ("server", " IC01", Code.HEADER_FIELD_INVALID),
        ("server", "\U00010400" * 129, Code.HEADER_FIELD_INVALID),
        ("opened_at", "2026-05-06T22:00:00Z ", Code.HEADER_FIELD_INVALID),
        ("sequence", 10**19, Code.HEADER_FIELD_INVALID),
        ("sequence", 10**20, Code.HEADER_NUMBER),
    ],
)
def test_a_forbidden_character_is_told_from_a_wrong_form(
    name: str, value: object, code: Code
) -> None:
    _, [problem] = parse(cases.fields(**{name: value}))
    assert problem.code is code


def test_lengths_are_counted_in_code_points() -> None:
    header, _ = parse(cases.fields(server="\U00010400" * 128))
    assert header is not None
    assert header.server == "\U00010400" * 128


def test_a_value_is_shown_as_json_has_it() -> None:
    _, problems = parse(cases.fields(tenant=None, day=True, zone=7, server="x "))
    values = [problem.params["value"] for problem in problems]
    assert values == ["null", "x ", "true", "7"]


class LaterDatetime(datetime):
    """What `fromisoformat` of a later Python takes."""

    @classmethod
    def fromisoformat(cls, text: str) -> "LaterDatetime":
        return super().fromisoformat(text.replace("T24:", "T00:"))


def test_no_python_reads_an_hour_24(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(headers, "datetime", LaterDatetime)
    _, [problem] = parse(cases.fields(opened_at="2026-05-06T24:00:00Z"))
    assert problem.code is Code.HEADER_FIELD_INVALID
    assert parse(cases.fields())[1] == []


def test_fields_of_later_versions_are_ignored() -> None:
    header, problems = parse(cases.fields(colour="green", more=None, less=False))
    assert (header, problems) == (cases.HEADER, [])
