"""How fast usage files are opened, checked and totalled, against the bare libraries.

    python tests/bench/bench_format.py [--json FILE] [--rounds N]

Every round runs each candidate once, so that a noisy machine disturbs all alike. The
figures that matter are the ratios of the medians.
"""

import argparse
import hashlib
import json
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
import uuid
from collections.abc import Callable, Mapping
from datetime import UTC, date, datetime
from mmap import ACCESS_READ, mmap
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import zstandard
from cryptography.hazmat.primitives import hpke
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT))

from usage.usg import (  # noqa: E402 - the path comes first
    ClosedBy,
    Code,
    Expected,
    Header,
    Sessions,
    fingerprint,
    merge,
    new_sealing_pair,
    new_signing_pair,
    read,
    summarise,
    write,
)
from usage.usg import header as headers  # noqa: E402
from usage.usg.writer import assemble  # noqa: E402

LOGINS, USERS, SETS = 66_700, 4_000, 40
LARGE = 10_000_000
SEALING, SIGNING = new_sealing_pair(), new_signing_pair()
SUITE = hpke.Suite(hpke.KEM.X25519, hpke.KDF.HKDF_SHA256, hpke.AEAD.AES_256_GCM)
PRIVATE = X25519PrivateKey.from_private_bytes(SEALING.private)
PUBLIC = Ed25519PublicKey.from_public_bytes(SIGNING.public)
HEADER = Header(
    tenant="C-1001",
    server="IC01",
    series=uuid.UUID(int=1),
    sequence=1,
    previous=None,
    day=date(2026, 5, 7),
    zone="Europe/Berlin",
    opened_at=datetime(2026, 5, 6, 22, tzinfo=UTC),
    closed_at=datetime(2026, 5, 7, 22, tzinfo=UTC),
    opened_offset=120,
    closed_offset=120,
    closed_by=ClosedBy.MIDNIGHT,
    key=fingerprint(SEALING.public),
    signer=SIGNING.public,
)
EXPECTED = Expected(
    tenant="C-1001",
    received_at=datetime(2026, 5, 8, tzinfo=UTC),
    opening_key={fingerprint(SEALING.public): SEALING.private}.get,
    is_trusted=lambda *_: True,
)
Candidates = dict[str, Callable[[], object]]


class Bare(msgspec.Struct):
    """The body as msgspec alone would take it: nothing in it is checked."""

    user: memoryview
    licences: memoryview
    login: memoryview
    logout: memoryview
    flags: memoryview
    licence_sets: list[list[str]]
    users: list[str]


BARE = msgspec.msgpack.Decoder(Bare)


def day_file() -> bytes:
    dice = np.random.default_rng(1)
    login = np.sort(dice.integers(0, 86_000, LOGINS))
    sessions = Sessions(
        users=[f"agent.{index:05}" for index in range(USERS)],
        licence_sets=[["I3_ACCESS_CLIENT", f"KEY_{index}"] for index in range(SETS)],
        user=dice.integers(0, USERS, LOGINS),
        licences=dice.integers(0, SETS, LOGINS),
        login=login,
        logout=np.minimum(login + dice.integers(1, 3_000, LOGINS), 86_400),
        flags=np.zeros(LOGINS, dtype=np.int64),
    )
    return write(
        HEADER, sessions, sealing_public=SEALING.public, signing_private=SIGNING.private
    )


def large_file() -> bytes:
    """Contents that cannot be unpacked: reading ends once they are decrypted."""
    return assemble(
        headers.serialise(HEADER),
        os.urandom(LARGE),
        sealing_public=SEALING.public,
        signing_private=SIGNING.private,
    )


def bare_open(data: bytes) -> bytes:
    """SHA-256 of the file, signature and HPKE, by the libraries alone."""
    view = memoryview(data)
    state = hashlib.sha256(view[:-64])
    PUBLIC.verify(data[-64:], b"usg/1\x00" + state.digest())
    state.update(view[-64:])
    state.digest()
    end = 22 + int.from_bytes(view[10:14], "big")
    return SUITE.decrypt(view[end:-64], PRIVATE, info=view[:end])


def bare_pipeline(data: bytes) -> int:
    plain = zstandard.ZstdDecompressor().decompress(bare_open(data))
    found = BARE.decode(plain)
    login = np.frombuffer(found.login, "<u4")
    logout = np.frombuffer(found.logout, "<u4")
    return int(logout.sum(dtype="i8") - login.sum(dtype="i8"))


def ours(data: bytes) -> int:
    day = read(data, EXPECTED).day
    assert day is not None
    return summarise(day).used_seconds


def our_opening(data: bytes | mmap) -> None:
    [problem] = read(data, EXPECTED).problems
    assert problem.code is Code.FRAME_INVALID


def opening_mapped(path: Path) -> None:
    """Read the file without copying it into the process first."""
    with path.open("rb") as file, mmap(file.fileno(), 0, access=ACCESS_READ) as data:
        our_opening(data)


def command(*words: str | Path) -> None:
    subprocess.run([str(word) for word in words], check=True, capture_output=True)


def with_age(folder: Path, plain: Path) -> Callable[[], object]:
    key, sealed = folder / "age.key", folder / "plain.age"
    command("age-keygen", "-o", key)
    command("age", "-e", "-i", key, "-o", sealed, plain)
    return lambda: command("age", "-d", "-i", key, "-o", folder / "age.out", sealed)


def with_openssl(folder: Path, plain: Path) -> Callable[[], object]:
    key, cert = folder / "key.pem", folder / "cert.pem"
    signed, sealed, out = folder / "signed", folder / "sealed", folder / "openssl.out"
    form = ("-binary", "-outform", "DER")
    subject = ("-subj", "/CN=bench", "-keyout", key, "-out", cert)
    command("openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", *subject)
    sign = ("-sign", "-nodetach", "-signer", cert, "-inkey", key)
    command("openssl", "cms", *sign, *form, "-in", plain, "-out", signed)
    seal = ("-encrypt", "-aes-256-gcm", *form, "-in", signed, "-out", sealed)
    command("openssl", "cms", *seal, cert)

    def run() -> None:
        take = ("-inform", "DER", "-binary")
        opening = ("-decrypt", "-inkey", key, "-in", sealed, "-out", out)
        command("openssl", "cms", *opening, *take)
        verify = ("-verify", "-CAfile", cert, "-in", out, "-out", folder / "verified")
        command("openssl", "cms", *verify, *take, "-purpose", "any")

    return run


def with_gpg(folder: Path, plain: Path) -> Callable[[], object]:
    home = folder / "gnupg"
    home.mkdir(mode=0o700)
    gpg = ("gpg", "--homedir", home, "--batch", "--yes", "--passphrase", "")
    who = "bench@example.org"
    command(*gpg, "--quick-gen-key", who, "future-default", "default", "never")
    sealed = folder / "plain.gpg"
    seal = ("--trust-model", "always", "-r", who, "-s", "-e", "-o", sealed, plain)
    command(*gpg, *seal)
    return lambda: command(*gpg, "-o", folder / "gpg.out", "-d", sealed)


TOOLS: Mapping[str, Callable[[Path, Path], Callable[[], object]]] = {
    "age": with_age,
    "openssl": with_openssl,
    "gpg": with_gpg,
}


def tools(folder: Path) -> Candidates:
    plain = folder / "plain"
    plain.write_bytes(os.urandom(LARGE))
    found: Candidates = {}
    for name, prepare in TOOLS.items():
        if shutil.which(name) is None:
            sys.stdout.write(f"skipped: {name} is not installed\n")
            continue
        try:
            found[name] = prepare(folder, plain)
            found[name]()
        except subprocess.CalledProcessError as error:
            found.pop(name, None)
            sys.stdout.write(f"skipped: {name} failed: {error.stderr[:200]!r}\n")
    return found


def measure(candidates: Candidates, rounds: int) -> dict[str, list[float]]:
    for run in candidates.values():
        run()
    times: dict[str, list[float]] = {name: [] for name in candidates}
    for _ in range(rounds):
        for name, run in candidates.items():
            began = time.perf_counter()
            run()
            times[name].append((time.perf_counter() - began) * 1e3)
    return times


def report(title: str, times: dict[str, list[float]], base: str) -> dict[str, Any]:
    against = statistics.median(times[base])
    sys.stdout.write(f"\n{title}\n")
    table = {}
    for name, taken in times.items():
        median = statistics.median(taken)
        table[name] = {
            "median_ms": round(median, 3),
            "min_ms": round(min(taken), 3),
            "max_ms": round(max(taken), 3),
            f"ratio_to_{base}": round(median / against, 3),
        }
        spread = f"{min(taken):8.2f} to {max(taken):8.2f}"
        sys.stdout.write(f"  {name:28} {median:8.2f} ms  ({spread})")
        sys.stdout.write(f"  {median / against:5.2f} of {base}\n")
    return table


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--json", type=Path)
    parser.add_argument("--rounds", type=int, default=60)
    args = parser.parse_args()
    day, large = day_file(), large_file()
    opened = read(day, EXPECTED).day
    assert opened is not None
    assert ours(day) == bare_pipeline(day)
    pipeline: Candidates = {
        "bare": lambda: bare_pipeline(day),
        "ours": lambda: ours(day),
        "of which read": lambda: read(day, EXPECTED),
        "beside: opening alone": lambda: bare_open(day),
        "beside: merge": lambda: merge(opened),
    }
    opening: Candidates = {
        "bare": lambda: bare_open(large),
        "ours": lambda: our_opening(large),
    }
    with tempfile.TemporaryDirectory() as folder:
        on_disk = Path(folder) / "large.usg"
        on_disk.write_bytes(large)
        with_disk: Candidates = {
            "ours": lambda: our_opening(on_disk.read_bytes()),
            "ours, mapped": lambda: opening_mapped(on_disk),
            **tools(Path(folder)),
        }
        title = f"A day of {LOGINS} logins, {len(day)} bytes: open, check, total"
        tables = {
            "day": report(title, measure(pipeline, args.rounds), "bare"),
            "opening": report(
                "Opening 10 MB in memory", measure(opening, args.rounds), "bare"
            ),
            "tools": report(
                "Opening 10 MB from disk (tools: with starting a process)",
                measure(with_disk, max(3, args.rounds // 6)),
                "ours",
            ),
        }
    if args.json:
        args.json.write_text(json.dumps(tables, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
