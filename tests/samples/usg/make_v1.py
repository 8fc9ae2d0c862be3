"""Writes the golden files of format version 1; run once.

They are never made again: a reader that stops agreeing with them is wrong, not they. A
new format version gets a folder of its own. The script refuses to replace anything.

    python tests/samples/usg/make_v1.py
"""

import json
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[3]
sys.path.insert(0, str(ROOT))

from tests.samples.usg import cases  # noqa: E402 - the path comes first
from usage.usg import (  # noqa: E402 - the same
    Reading,
    fingerprint,
    keyfiles,
    read,
    summarise,
)
from usage.usg import header as headers  # noqa: E402 - the same
from usage.usg import rows as json_rows  # noqa: E402 - the same
from usage.usg.problems import as_json  # noqa: E402 - the same

FOLDER = Path(__file__).parent / "v1"


def described(reading: Reading) -> dict[str, Any]:
    """What a second implementation is to be compared with."""
    found: dict[str, Any] = {
        "sha256": reading.sha256.hex(),
        "size": reading.size,
        "outcome": reading.outcome.value,
        "problems": [as_json(problem) for problem in reading.problems],
        "header": None,
        "rows": None,
        "totals": None,
    }
    if reading.header is not None:
        found["header"] = json.loads(headers.serialise(reading.header))
    if reading.day is not None:
        totals = summarise(reading.day)
        found["rows"] = [json.loads(line) for line in json_rows.lines_of(reading.day)]
        found["totals"] = {
            "rows": totals.rows,
            "logins": totals.logins,
            "users": totals.users,
            "used_seconds": totals.used_seconds,
        }
    return found


def entry(data: bytes, limits: Mapping[str, int]) -> dict[str, Any]:
    return {
        "limits": dict(limits),
        **described(read(data, cases.expected_for(limits))),
    }


def main() -> None:
    FOLDER.mkdir()
    files: dict[str, tuple[bytes, dict[str, int]]] = {
        f"{name}.usg": (data, {}) for name, data in cases.sound_files().items()
    }
    for case in cases.CASES:
        files[f"{case.code}.usg"] = (case.build(), dict(case.limits))
    for name, (data, _) in files.items():
        (FOLDER / name).write_bytes(data)
    expected = {
        "tenant": cases.TENANT,
        "received_at": cases.RECEIVED_AT.isoformat(),
        "trusted": {"IC01": [cases.SIGNING.public.hex()]},
        "sealing_keys": {fingerprint(cases.SEALING.public): "sealing.key"},
        "files": {name: entry(*made) for name, made in sorted(files.items())},
    }
    text = json.dumps(expected, indent=1, ensure_ascii=False)
    (FOLDER / "expected.json").write_text(text + "\n", encoding="utf-8")
    for name, purpose, pair in (
        ("sealing.key", keyfiles.Purpose.SEALING, cases.SEALING),
        ("signing.key", keyfiles.Purpose.SIGNING, cases.SIGNING),
    ):
        keyfiles.write_pair(FOLDER / name, purpose, pair)


if __name__ == "__main__":
    main()
