"""Compares the reader with a second one, on random and damaged files of every layer.

    python tests/fuzz/fuzz_second_reader.py --seconds 60 --seed 1

The second reader and the writer of the files (`tests/usage/usg/second/`) are made from
docs/usg-format.md alone. A disagreement means that the page leaves something open, or
that one of the two is wrong. Compared is everything a test vector states: outcome,
every problem with its place and parameters, header, rows and totals.
"""

import argparse
import json
import sys
import time
from collections import Counter
from collections.abc import Mapping
from datetime import datetime
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT))

from tests.samples.usg.make_v1 import FOLDER, described  # noqa: E402 - the path first
from tests.usage.usg.second import layers  # noqa: E402 - the same
from tests.usage.usg.second.reader import Told, second_reading  # noqa: E402 - the same
from usage.usg import Expected, Limits, keyfiles, read  # noqa: E402 - the same
from usage.usg.keyfiles import Purpose  # noqa: E402 - the same

EXPECTED: dict[str, Any] = json.loads((FOLDER / "expected.json").read_text("utf-8"))
RECEIVED_AT = datetime.fromisoformat(EXPECTED["received_at"])
SEALING_KEYS = {
    fingerprint: keyfiles.read_private(FOLDER / name, Purpose.SEALING).private
    for fingerprint, name in EXPECTED["sealing_keys"].items()
}
# So tight that ordinary files are at each limit or beyond it; for one file in six.
TIGHT: Mapping[str, int] = {
    "file_bytes": 1_200,
    "header_bytes": 600,
    "body_bytes": 400,
    "text_bytes": 80,
    "window_bytes": 1 << 20,
    "sessions": 3,
    "users": 5,
    "licence_sets": 2,
    "licence_names": 4,
    "user_characters": 8,
    "licence_characters": 5,
}


def by_the_portal(data: bytes, limits: Mapping[str, int]) -> dict[str, Any]:
    expected = Expected(
        tenant=EXPECTED["tenant"],
        received_at=RECEIVED_AT,
        opening_key=SEALING_KEYS.get,
        is_trusted=lambda server, key: key.hex() in EXPECTED["trusted"].get(server, ()),
        limits=Limits(**limits),
    )
    return described(read(data, expected))


def by_the_second_reader(data: bytes, limits: Mapping[str, int]) -> dict[str, Any]:
    trusted = EXPECTED["trusted"]
    told = Told(EXPECTED["tenant"], RECEIVED_AT, SEALING_KEYS, trusted, limits)
    return second_reading(data, told)


def run(*, seed: int, seconds: float = 1e9, rounds: int = sys.maxsize) -> Counter[str]:
    """Compare file after file; count outcomes and problem codes."""
    counted: Counter[str] = Counter()
    ends = time.monotonic() + seconds
    for number, (name, data) in enumerate(layers.files(seed)):
        if number >= rounds or time.monotonic() > ends:
            break
        limits: Mapping[str, int] = {} if number % 6 else TIGHT
        ours, second = by_the_portal(data, limits), by_the_second_reader(data, limits)
        assert ours == second, (name, data.hex())
        counted.update(problem["code"] for problem in ours["problems"])
        counted[ours["outcome"]] += 1
    return counted


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seconds", type=float, default=60)
    parser.add_argument("--rounds", type=int, default=sys.maxsize)
    parser.add_argument("--seed", type=int, default=1)
    args = parser.parse_args()
    counted = run(seed=args.seed, seconds=args.seconds, rounds=args.rounds)
    for name, count in counted.most_common():
        sys.stdout.write(f"{count:9} {name}\n")


if __name__ == "__main__":
    main()
