"""Measures opening, checking and totalling usage files, against bare libraries.

python tests/bench/bench_format.py [--json FILE] [--rounds N]
"""

import os
import shutil
import subprocess
import sys
import tempfile
import uuid
from collections.abc import Callable, Mapping
from datetime import UTC, date, datetime
from mmap import ACCESS_READ, mmap
from pathlib import Path

import numpy as np

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT))

from tests.bench.bare_libraries import BareLibraries  # noqa: E402 - the path comes first
from tests.bench.measurements import (  # noqa: E402 - the same
    Candidates,
    arguments,
    measure,
    report,
)
from tests.bench.measurements import write as write_results  # noqa: E402 - the same
from usage.usg import (  # noqa: E402 - the same
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
from usage.usg import header as headers  # noqa: E402 - the same
from usage.usg.writer import assemble  # noqa: E402 - the same

LOGINS, USERS, SETS = 66_700, 4_000, 40
LARGE = 10_000_000
SEALING, SIGNING = new_sealing_pair(), new_signing_pair()
BARE = BareLibraries(sealing_private=SEALING.private, signing_public=SIGNING.public)
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


def day_file() -> bytes:
    rng = np.random.default_rng(1)
    login = np.sort(rng.integers(0, 86_000, LOGINS))
    sessions = Sessions(
        users=[f"agent.{index:05}" for index in range(USERS)],
        licence_sets=[["I3_ACCESS_CLIENT", f"KEY_{index}"] for index in range(SETS)],
        user=rng.integers(0, USERS, LOGINS),
        licences=rng.integers(0, SETS, LOGINS),
        login=login,
        logout=np.minimum(login + rng.integers(1, 3_000, LOGINS), 86_400),
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


def main() -> None:
    args = arguments(__doc__, script=__file__, rounds=60)
    day, large = day_file(), large_file()
    opened = read(day, EXPECTED).day
    assert opened is not None
    assert ours(day) == BARE.pipeline(day)
    pipeline: Candidates = {
        "bare": lambda: BARE.pipeline(day),
        "ours": lambda: ours(day),
        "of which read": lambda: read(day, EXPECTED),
        "beside: opening alone": lambda: BARE.open(day),
        "beside: merge": lambda: merge(opened),
    }
    opening: Candidates = {
        "bare": lambda: BARE.open(large),
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
    write_results(args.json, tables)


if __name__ == "__main__":
    main()
