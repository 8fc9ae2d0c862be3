"""Bounded mutation fuzzing of the reader.

    python tests/fuzz/fuzz_usg.py --seconds 60 --seed 1

Three kinds of change: to the bytes of a golden file as it travels; to the compressed
contents, sealed and signed again, and to the plain contents or the header likewise, so
that the inner checks are reached behind a sound envelope. Asserted each time: no
exception, bounded time and memory, and no travelling file accepted that differs from
what was signed.
"""

import argparse
import json
import random
import resource
import sys
import time
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT))

from tests.samples.usg import cases  # noqa: E402 - the path comes first
from usage.usg import Severity, read, summarise  # noqa: E402 - the same
from usage.usg import header as headers  # noqa: E402 - the same
from usage.usg.characters import is_clean  # noqa: E402 - the same

GOLDEN = ROOT / "tests" / "samples" / "usg" / "v1"
# Files of a few hundred bytes take under a millisecond, the largest bomb 0.1 seconds.
MOST_SECONDS = 2.0
# NumPy, the libraries and a bomb of 64 MiB with the arrays to refuse it.
MOST_RESIDENT_KIB = 600 * 1024
NASTY = (b"\x00", b"\xff", b"\xdd\xff\xff\xff\xff", b"\xc6\x7f\xff\xff\xff", b"\x90")
NASTY_TEXT = ('"', "{", "[", "NaN", "1e999", "-1", "\\ud800", "9" * 30, "null", "true")


@dataclass
class Tally:
    outcomes: Counter[str] = field(default_factory=Counter)
    codes: Counter[str] = field(default_factory=Counter)
    slowest: float = 0.0


def corpus() -> list[bytes]:
    """Small golden files: large ones would only be slower to change."""
    files = [path.read_bytes() for path in sorted(GOLDEN.glob("*.usg"))]
    return [data for data in files if 0 < len(data) < 8_192]


def mutated(data: bytes, rng: random.Random) -> bytes:
    changed = bytearray(data)
    for _ in range(rng.choice((1, 1, 1, 2, 4))):
        at = rng.randrange(len(changed) + 1)
        kind = rng.randrange(6)
        if kind == 0 and at < len(changed):
            changed[at] ^= 1 << rng.randrange(8)
        elif kind == 1:
            changed[at:at] = rng.choice(NASTY)
        elif kind == 2:
            del changed[at : at + rng.randrange(1, 9)]
        elif kind == 3:
            changed[at : at + 5] = rng.choice(NASTY)
        elif kind == 4:
            changed[at:at] = changed[rng.randrange(at + 1) : at][:64]
        else:
            del changed[at:]
    return bytes(changed)


def mutated_header(rng: random.Random) -> bytes:
    text = headers.serialise(cases.HEADER).decode()
    at = rng.randrange(len(text))
    nasty = rng.choice(NASTY_TEXT)
    changed = text[:at] + nasty + text[at + rng.randrange(6) :]
    if rng.random() < 0.5:
        found = json.loads(text)
        values: tuple[object, ...] = (
            -1,
            2**63,
            1e999,
            "",
            "x" * 400,
            None,
            True,
            [],
            "0001-01-01",
            721,
        )
        found[rng.choice(list(found))] = rng.choice(values)
        changed = json.dumps(found)
    return changed.encode("utf-8", "surrogatepass")


def attempt(golden: list[bytes], rng: random.Random) -> tuple[bytes, bool]:
    """Give a changed file, and whether its envelope is sound all the same."""
    kind = rng.randrange(4)
    if kind == 0:
        original = rng.choice(golden)
        return mutated(original, rng), False
    if kind == 1:
        return cases.around(mutated(cases.PACKED, rng)), True
    if kind == 2:
        return cases.plain(mutated(cases.PLAIN, rng)), True
    return cases.with_header(mutated_header(rng)), True


def check_reading(
    data: bytes, *, sound: bool, golden: set[bytes], tally: Tally
) -> None:
    began = time.perf_counter()
    reading = read(data, cases.expected())
    if reading.day is not None:
        summarise(reading.day)
    took = time.perf_counter() - began
    outcome = reading.outcome
    assert took < MOST_SECONDS, (took, data.hex())
    harmless = outcome in (Severity.ACCEPT, Severity.WARN)
    assert sound or data in golden or not harmless, data.hex()
    assert not (harmless and reading.day is None), data.hex()
    for problem in reading.problems:
        assert len(problem.title) < 400, problem
        assert is_clean(problem.title), problem
        tally.codes[problem.code] += 1
    tally.outcomes[outcome] += 1
    tally.slowest = max(tally.slowest, took)


def run(*, seed: int, seconds: float = 1e9, rounds: int = sys.maxsize) -> Tally:
    rng, tally = random.Random(seed), Tally()
    golden = corpus()
    known = set(golden)
    ends = time.monotonic() + seconds
    for _ in range(rounds):
        if time.monotonic() > ends:
            break
        data, sound = attempt(golden, rng)
        check_reading(data, sound=sound, golden=known, tally=tally)
    return tally


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seconds", type=float, default=60)
    parser.add_argument("--rounds", type=int, default=sys.maxsize)
    parser.add_argument("--seed", type=int, default=1)
    args = parser.parse_args()
    tally = run(seed=args.seed, seconds=args.seconds, rounds=args.rounds)
    resident = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    assert resident < MOST_RESIDENT_KIB, resident
    total = sum(tally.outcomes.values())
    sys.stdout.write(f"{total} files, slowest {tally.slowest * 1e3:.1f} ms, ")
    sys.stdout.write(f"{resident // 1024} MiB resident, seed {args.seed}\n")
    for name, count in (*tally.outcomes.most_common(), *tally.codes.most_common()):
        sys.stdout.write(f"{count:9} {name}\n")


if __name__ == "__main__":
    main()
