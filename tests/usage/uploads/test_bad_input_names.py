"""Odd file names: none is refused, none has an effect, none reaches the disk."""

import unicodedata
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import pytest
import time_machine
from django.db import connection

from tests.builders import NOW, Company, digest_header
from tests.journeys.stored_files import (
    Api,
    assert_rows_and_bytes_agree,
    bytes_below,
    put,
)

DAY = date(2026, 5, 18)

COMPOSED = unicodedata.normalize("NFC", "caf\u00e9.usg")
DECOMPOSED = unicodedata.normalize("NFD", "caf\u00e9.usg")

# As sent, and as it is kept and shown.
NAMES = {
    "composed": (COMPOSED, COMPOSED),
    "decomposed": (DECOMPOSED, COMPOSED),
    "reserved": ("CON.usg", "CON.usg"),
    "reserved, with a space": ("nul .usg", "nul .usg"),
    "reserved port": ("COM\u00b9.usg", "COM\u00b9.usg"),
    "trailing dot": ("day.usg.", "day.usg."),
    "trailing dots": ("day.usg...", "day.usg..."),
    "trailing space": ("day.usg ", "day.usg"),
    "leading space": (" day.usg", "day.usg"),
    "capitals": ("A.USG", "A.USG"),
    "no ending": ("day", "day"),
    "only dots": ("...", "..."),
    "one dot": (".", "."),
    "two dots": ("..", ".."),
    "only a slash": ("/", "unnamed"),
    "ending in a slash": ("day.usg/", "unnamed"),
    "path parts": ("../../../etc/passwd", "passwd"),
    "path from the root": ("/etc/passwd", "passwd"),
    "backslashes": ("..\\..\\windows\\day.usg", "day.usg"),
    "a drive": ("C:\\i3\\ic\\work\\usage\\day.usg", "day.usg"),
    "a share": ("\\\\server\\usage\\day.usg", "day.usg"),
    "a stream": ("day.usg::$DATA", "day.usg::$DATA"),
    "nul": ("day\x00.usg", "day.usg"),
    "only nul": ("\x00", "unnamed"),
    "control characters": ("d\ta\x07y\x1b[31m.usg", "d ay[31m.usg"),
    "read backwards": ("day\u202egsu.exe", "daygsu.exe"),
    "isolated": ("\u2066day\u2069.usg", "day.usg"),
    "no width": ("da\u200by\ufeff.usg", "day.usg"),
    "emoji": ("\U0001f600.usg", "\U0001f600.usg"),
    "family": ("\U0001f468\u200d\U0001f469.usg", "\U0001f468\u200d\U0001f469.usg"),
    "line separator": ("day\u2028.usg", "day .usg"),
    "quotes": ("d\"a'y`.usg", "d\"a'y`.usg"),
    "markup": ("<script>alert(1)<day.usg", "<script>alert(1)<day.usg"),
    "a formula": ("=1+1.usg", "=1+1.usg"),
    "a per cent sign": ("100%.usg", "100%.usg"),
    "percent-encoded twice": ("..%2f..%2fx", "..%2f..%2fx"),
    "a question mark": ("day?.usg", "day?.usg"),
    "a hash": ("day#1.usg", "day#1.usg"),
    "a plus": ("a+b.usg", "a+b.usg"),
    "255 characters": ("x" * 251 + ".usg", "x" * 251 + ".usg"),
    "256 characters": ("x" * 252 + ".usg", "x" * 252 + ".us"),
    "5,000 characters": ("x" * 5_000 + ".usg", "x" * 255),
    "5,000 emoji": ("\U0001f600" * 5_000, "\U0001f600" * 255),
    "many dots": ("." * 300 + "usg", "." * 255),
    "many marks": ("a" + "\u0301" * 400, None),
    "expands": ("\ufdfa" * 255, None),
    "like an address": ("check.usg", "check.usg"),
}


@pytest.fixture(autouse=True)
def _in_may() -> Iterator[None]:
    with time_machine.travel(NOW):
        yield


@pytest.mark.parametrize("kind", NAMES)
def test_a_file_of_any_name_is_judged_by_what_is_in_it(
    alice: Company, api: Api, tmp_path: Path, kind: str
) -> None:
    sent, shown = NAMES[kind]
    data = alice.server.day(DAY)
    response = put(api, alice, data, name=sent)
    assert (response.status_code, response.json()["verdict"]) == (201, "accepted")
    kept = response.json()["file"]["name"]
    assert kept == (kept if shown is None else shown)
    assert 1 <= len(kept) <= 255
    assert kept == unicodedata.normalize("NFC", kept)
    assert [file.name for file in alice.files()] == [kept]
    assert_rows_and_bytes_agree(alice, tmp_path)
    # Only ids of ours are on the disk.
    assert not any(name.startswith((".", "/")) for name in bytes_below(tmp_path))


@pytest.mark.parametrize("raw", ["%ff%fe.usg", "day%c3%28.usg", "%ed%a0%80.usg"])
def test_a_name_that_is_not_utf_8_is_shown_as_it_was_sent(
    alice: Company, api: Api, raw: str
) -> None:
    data = alice.server.day(DAY)
    response = api(
        "PUT",
        f"/files/{raw}",
        token=alice.token,
        data=data,
        headers=digest_header(data),
    )
    assert response.json()["verdict"] == "accepted"
    assert response.json()["file"]["name"].isprintable()


@pytest.mark.parametrize("name", ["day%0A.usg", "%0A", "day.usg%0A"])
def test_a_name_with_a_line_end_is_a_clear_no(
    alice: Company, api: Api, tmp_path: Path, name: str
) -> None:
    data = alice.server.day(DAY)
    response = api(
        "PUT",
        f"/files/{name}",
        token=alice.token,
        data=data,
        headers=digest_header(data),
    )
    assert (response.status_code, response.json()["code"]) == (404, "not-found")
    assert bytes_below(tmp_path) == {}


def test_two_forms_of_one_name_are_two_files(alice: Company, api: Api) -> None:
    first, second = alice.server.days(DAY, DAY + timedelta(days=1))
    assert put(api, alice, first, name=COMPOSED).json()["verdict"] == "accepted"
    assert put(api, alice, second, name=DECOMPOSED).json()["verdict"] == "accepted"
    assert len(alice.files()) == 2


def test_a_name_that_was_used_before_keeps_nothing_out(
    alice: Company, api: Api
) -> None:
    for data in alice.server.days(DAY - timedelta(days=3), DAY):
        assert put(api, alice, data, name="day.usg").json()["verdict"] == "accepted"
    assert len(alice.files()) == 4


@pytest.mark.parametrize("other", ["other.usg", "DAY.USG", "../day.usg", "x" * 5_000])
def test_the_same_bytes_under_another_name_are_here_already(
    alice: Company, api: Api, tmp_path: Path, other: str
) -> None:
    data = alice.server.day(DAY)
    first = put(api, alice, data, name="day.usg")
    second = put(api, alice, data, name=other)
    assert (second.status_code, second.json()["verdict"]) == (200, "already here")
    # The first receipt stands: whose it is, when it came, what it was called.
    assert second.json()["file"] == first.json()["file"]
    assert_rows_and_bytes_agree(alice, tmp_path)


def test_two_tenants_send_a_file_of_one_name_at_the_same_moment(
    alice: Company, charlie: Company, api: Api, tmp_path: Path
) -> None:
    days = [DAY - timedelta(days=number) for number in range(6)][::-1]
    work = [
        (company, company.server.day(day))
        for day in days
        for company in (alice, charlie)
    ]

    def send(one: tuple[Company, bytes]) -> Any:
        try:
            return put(api, one[0], one[1], name="day01.usg").json()["verdict"]
        finally:
            connection.close()

    with ThreadPoolExecutor(4) as senders:
        assert list(senders.map(send, work)) == ["accepted"] * 12
    for company in (alice, charlie):
        names = {(file.name, file.state) for file in company.files()}
        assert names == {("day01.usg", "accepted")}
        assert len(company.files()) == 6
    assert len(bytes_below(tmp_path)) == 12


def test_the_same_bytes_sent_at_the_same_moment_are_one_file(
    alice: Company, api: Api, tmp_path: Path
) -> None:
    data = alice.server.day(DAY)

    def send(number: int) -> Any:
        try:
            return put(api, alice, data, name=f"{number}.usg").json()
        finally:
            connection.close()

    with ThreadPoolExecutor(6) as senders:
        verdicts = list(senders.map(send, range(12)))
    assert {one["file"]["id"] for one in verdicts} == {str(alice.files()[0].pk)}
    assert {one["verdict"] for one in verdicts} <= {"accepted", "already here"}
    assert_rows_and_bytes_agree(alice, tmp_path)
