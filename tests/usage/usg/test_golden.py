"""The golden files still read as they did when version 1 was released."""

import json
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest

from tests.samples.usg.make_v1 import FOLDER, described
from usage.usg import Code, Expected, Limits, keyfiles, read
from usage.usg.keyfiles import Purpose

pytestmark = pytest.mark.plain

EXPECTED: dict[str, Any] = json.loads((FOLDER / "expected.json").read_text("utf-8"))
FILES: dict[str, Any] = EXPECTED["files"]


def expected_for(limits: dict[str, int]) -> Expected:
    keys = {
        fingerprint: keyfiles.read_private(FOLDER / name, Purpose.SEALING).private
        for fingerprint, name in EXPECTED["sealing_keys"].items()
    }
    return Expected(
        tenant=EXPECTED["tenant"],
        received_at=datetime.fromisoformat(EXPECTED["received_at"]),
        opening_key=keys.get,
        is_trusted=lambda server, key: key.hex() in EXPECTED["trusted"].get(server, ()),
        limits=Limits(**limits),
    )


@pytest.mark.parametrize("name", FILES)
def test_a_golden_file_reads_as_it_always_did(name: str) -> None:
    entry = dict(FILES[name])
    limits = entry.pop("limits")
    reading = read((FOLDER / name).read_bytes(), expected_for(limits))
    assert described(reading) == entry


def test_every_code_has_a_golden_file() -> None:
    assert {f"{code}.usg" for code in Code} <= set(FILES)


def test_no_golden_file_is_forgotten() -> None:
    assert {path.name for path in FOLDER.glob("*.usg")} == set(FILES)


def test_the_golden_files_are_small() -> None:
    assert sum(path.stat().st_size for path in Path(FOLDER).iterdir()) < 300_000
