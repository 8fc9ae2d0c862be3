"""Bad files, sent as a script sends them: a verdict each, and no bytes stored."""

import io
import json
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import pytest
import time_machine

from portal.db import unit_of_work
from tests.builders import NOW, Company, open_company
from tests.journeys.stored_files import (
    Api,
    assert_rows_and_bytes_agree,
    bytes_below,
    code_of,
    put,
)
from tests.samples.usg import cases
from usage import tenant_keys
from usage.models import SealingKey
from usage.servers import keys as server_keys
from usage.uploads import judge
from usage.usg import Sessions, envelope, fingerprints, layout, write
from usage.usg import header as headers
from usage.usg.emulator.damage import DAMAGES, Original

GOLDEN = Path(cases.__file__).parent / "v1"
KNOWN = json.loads((GOLDEN / "expected.json").read_text(encoding="utf-8"))
DAY = date(2026, 5, 18)


@pytest.fixture(autouse=True)
def _in_may() -> Iterator[None]:
    with time_machine.travel(NOW):
        yield


def add_sealing_key(company: Company, pair: envelope.KeyPair) -> None:
    fingerprint = fingerprints.fingerprint(pair.public)
    with unit_of_work.acting_for(unit_of_work.STAFF):
        SealingKey.objects.create(
            tenant_id=company.id,
            fingerprint=fingerprint,
            public=pair.public,
            wrapped_private=tenant_keys._wrap(pair.private, company.id, fingerprint),
            master_key=tenant_keys._master_key_id(),
            created_at=NOW,
        )


@pytest.fixture
def golden_company(db: None) -> Company:
    """The tenant whose files the golden ones are."""
    company = open_company(cases.TENANT, name="Golden", zone="Europe/Berlin")
    add_sealing_key(company, cases.SEALING)
    with unit_of_work.acting_for(company.id):
        server_keys.register(
            company.id, name="IC01", public=cases.SIGNING.public, by="test", at=NOW
        )
    return company


STATUS = {"accept": 201, "warn": 201, "hold": 201, "reject": 422}
VERDICT = {
    "accept": "accepted",
    "warn": "accepted",
    "hold": "held",
    "reject": "rejected",
}


@pytest.mark.parametrize(
    "name", [name for name, known in KNOWN["files"].items() if not known["limits"]]
)
def test_a_golden_file_gets_its_verdict_over_http(
    golden_company: Company, api: Api, tmp_path: Path, name: str
) -> None:
    known = KNOWN["files"][name]
    with time_machine.travel(cases.RECEIVED_AT):
        response = put(api, golden_company, (GOLDEN / name).read_bytes(), name=name)
    found = response.json()
    assert found["verdict"] == VERDICT[known["outcome"]]
    assert response.status_code == STATUS[known["outcome"]]
    verdicts = [
        (one["code"], one["severity"], one["where"])
        for one in found["file"]["problems"]
    ]
    assert verdicts == [
        (one["code"], one["severity"], one["where"]) for one in known["problems"]
    ]
    assert all(one["title"] and one["advice"] for one in found["file"]["problems"])
    assert_rows_and_bytes_agree(golden_company, tmp_path)
    assert len(golden_company.files()) == 1


@dataclass(frozen=True, slots=True)
class BadFile:
    """A damage of the emulator's, and what has to be said of it."""

    codes: str
    status: int = 422
    verdict: str = "rejected"


WRONG = {
    "empty": BadFile("file-empty"),
    "cut": BadFile("length-short"),
    "appended": BadFile("length-long"),
    "flipped": BadFile("signature-invalid"),
    "text-mode": BadFile("magic-text-mode"),
    "seven-bit": BadFile("magic-seven-bit"),
    "zip": BadFile("file-zip"),
    "plain-text": BadFile("file-plain-text"),
    "other-tenant": BadFile("tenant-other"),
    "other-key": BadFile("key-unknown"),
    "other-signer": BadFile("signer-unknown", 201, "held"),
    "future": BadFile("clock-ahead", 201, "held"),
    "conflict": BadFile("", 201, "accepted"),
}


def original(company: Company, day: date = DAY) -> Original:
    data = company.server.day(day)
    header = headers.parse(_header_of(data))[0]
    assert header is not None
    sessions = Sessions(
        users=["ada"],
        licence_sets=[["I3_ACCESS_CLIENT"]],
        user=[0],
        licences=[0],
        login=[60],
        logout=[120],
        flags=[0],
    )
    return Original(
        data=data,
        header=header,
        sessions=sessions,
        sealing_public=company.sealing_public,
        signing_private=company.server.pair.private,
    )


def _header_of(data: bytes) -> bytes:
    length = layout.PRELUDE.unpack_from(data)[3]
    return data[layout.PRELUDE.size : layout.PRELUDE.size + length]


@pytest.mark.parametrize("damage", WRONG)
def test_a_damaged_file_is_told_what_is_wrong_with_it(
    alice: Company, api: Api, tmp_path: Path, damage: str
) -> None:
    wrong = WRONG[damage]
    data = DAMAGES[damage](original(alice))
    assert data is not None
    response = put(api, alice, data)
    assert (response.status_code, response.json()["verdict"]) == (
        wrong.status,
        wrong.verdict,
    )
    assert code_of(response) == wrong.codes
    assert_rows_and_bytes_agree(alice, tmp_path)


def test_every_damage_of_the_emulator_is_tried() -> None:
    assert set(WRONG) == set(DAMAGES) - {"missing"}


def test_a_damaged_file_does_not_keep_its_sound_one_out(
    alice: Company, api: Api, tmp_path: Path
) -> None:
    sound = original(alice)
    for damage in ("cut", "appended", "flipped", "text-mode", "empty"):
        data = DAMAGES[damage](sound)
        assert data is not None
        assert put(api, alice, data).status_code == 422
    assert put(api, alice, sound.data).json()["verdict"] == "accepted"
    assert put(api, alice, sound.data).json()["verdict"] == "already here"
    assert_rows_and_bytes_agree(alice, tmp_path)


def test_a_bit_that_flipped_anywhere_is_noticed(
    alice: Company, api: Api, tmp_path: Path
) -> None:
    sound = original(alice).data
    # A sample over all of the file; the format's own tests try every bit.
    for position in range(0, len(sound), len(sound) // 25):
        changed = bytearray(sound)
        changed[position] ^= 1 << (position % 8)
        response = put(api, alice, bytes(changed))
        assert response.status_code == 422, position
        assert code_of(response)
    assert {file.state for file in alice.files()} == {"rejected"}
    assert bytes_below(tmp_path) == {}


def wrong_types() -> dict[str, bytes]:
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        archive.writestr("day.usg", b"not a usage file")
    return {
        "zip": packed.getvalue(),
        "text": b"IC01;2026-05-18;12 users\r\n" * 20,
        "utf-16": "IC01;2026-05-18\r\n".encode("utf-16"),
        "png": b"\x89PNG\r\n\x1a\n" + bytes(100),
        "pdf": b"%PDF-1.7\n" + bytes(100),
        "html": b"<!doctype html><title>Proxy error</title>",
        "json": b'{"code": "busy"}',
        "gzip": b"\x1f\x8b\x08" + bytes(40),
        "program": b"MZ" + bytes(100),
        "one byte": b"\x00",
        "zeros": bytes(100_000),
        "our magic only": b"\x89USG\r\n\x1a\n",
    }


@pytest.mark.parametrize("kind", wrong_types())
def test_a_file_of_another_type_is_rejected(
    alice: Company, api: Api, tmp_path: Path, kind: str
) -> None:
    response = put(api, alice, wrong_types()[kind])
    assert response.status_code == 422
    assert response.json()["verdict"] == "rejected"
    assert code_of(response)
    assert [file.state for file in alice.files()] == ["rejected"]
    assert bytes_below(tmp_path) == {}


def test_what_was_rejected_is_judged_afresh_once_the_reason_is_gone(
    alice: Company, api: Api, tmp_path: Path
) -> None:
    pair = envelope.new_sealing_pair()
    data = replace(original(alice), sealing_public=pair.public).rewritten(
        original(alice).header
    )
    first = put(api, alice, data)
    assert code_of(first) == "key-unknown"
    assert put(api, alice, data).json()["verdict"] == "rejected"
    add_sealing_key(alice, pair)
    again = put(api, alice, data)
    assert (again.status_code, again.json()["verdict"]) == (201, "accepted")
    assert put(api, alice, data).json()["verdict"] == "already here"
    assert_rows_and_bytes_agree(alice, tmp_path)


def test_rows_of_rejected_files_are_capped_and_the_newest_stay(
    alice: Company,
    charlie: Company,
    api: Api,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    put(api, charlie, b"of another tenant")
    put(api, alice, original(alice).data)
    monkeypatch.setattr(judge, "REJECTED_ROWS", 3)
    for number in range(7):
        with time_machine.travel(NOW + timedelta(seconds=number)):
            put(api, alice, f"text number {number}".encode(), name=f"{number}.usg")
    names = {file.name for file in alice.files() if file.state == "rejected"}
    assert names == {"4.usg", "5.usg", "6.usg"}
    assert len(alice.files()) == 4
    assert len(charlie.files()) == 1
    assert_rows_and_bytes_agree(alice, tmp_path)


def test_a_file_larger_than_any_is_refused_before_it_is_read(
    alice: Company, api: Api, tmp_path: Path, settings: Any
) -> None:
    settings.MAX_FILE_BYTES = 1_000
    response = put(api, alice, bytes(1_001))
    assert (response.status_code, code_of(response)) == (413, "file-too-large")
    assert alice.files() == []
    assert bytes_below(tmp_path) == {}


def test_a_bomb_costs_neither_time_nor_memory(
    golden_company: Company, api: Api, tmp_path: Path
) -> None:
    with time_machine.travel(cases.RECEIVED_AT):
        response = put(api, golden_company, cases.bomb())
    assert code_of(response) == "frame-too-large"
    assert bytes_below(tmp_path) == {}


def test_a_file_that_signs_for_another_servers_name_is_held(
    alice: Company, api: Api
) -> None:
    """A key is trusted for its own server only."""
    other = alice.registered("IC02")
    sound = original(alice)
    data = write(
        sound.header,
        sound.sessions,
        sealing_public=alice.sealing_public,
        signing_private=other.pair.private,
    )
    response = put(api, alice, data)
    assert (response.json()["verdict"], code_of(response)) == ("held", "signer-unknown")
