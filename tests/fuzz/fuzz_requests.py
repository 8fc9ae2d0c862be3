"""Bounded mutation fuzzing of the web server and the API behind it.

    python tests/fuzz/fuzz_requests.py --seconds 60 --seed 1

Starts the real web server on a database of its own, beside that of `DATABASE_URL`,
and says mutated requests to it as raw bytes: methods, paths, queries, headers, bodies
and lengths. Asserted each time: no 5xx, and an answer or a closed connection within
bounded time. At the end the server still serves, and only sound files have counted.
"""

import argparse
import os
import random
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT))

if TYPE_CHECKING:
    from tests.journeys.live_server import RunningPortal

DATABASE = "fuzz_requests"
BODY_TIMEOUT = 1
MOST_SECONDS = 20.0

# 130 MiB after start, and for some files at once what opening them may take.
MOST_RESIDENT_KIB = 400 * 1024

METHODS = ("GET", "PUT", "POST", "HEAD", "DELETE", "PATCH", "OPTIONS", "TRACE")
ODD_METHODS = ("BREW", "get", "CONNECT", "P\u00dcT", "X" * 40, "M-SEARCH", "PRI")

NAMES = (
    *("day.usg", "A.USG", "CON.usg", "..%2f..%2fx", "..", "%2e%2e", "%00", "a%0ab"),
    *("%ff%fe", "%F0%9F%98%80", "%E2%80%AEgsu", "a/b/c", "x" * 3_000, "%", "%zz", "+"),
)
PATHS = (
    *("/api/v1/files", "/api/v1/files/check", "/api/v1/servers", "/api/v1/periods"),
    *("/api/v1/periods/2026-05", "/api/v1/openapi.json", "/api/v1/docs", "/api/v1/"),
    *("/api/v1/servers/IC01/keys/ab/confirm", "/", "/sign-in", "/sign-out", "/healthz"),
    *("/static/x", "//", "*", "http://127.0.0.1/healthz", "/api/v1/files/{id}"),
)
QUERIES = (
    *("state=held", "limit=1", "limit=-1", "after={id}", "server=%00", "server=%27"),
    *("first_day=2026-05-01", "last_day=9999-12-31", "how=api", "next=//evil"),
    *("a=1&" * 2_000, "%ff=%ff", "=", "&&", "limit=1&limit=2", "tenant=1"),
)
HEADERS = (
    *("Accept", "Accept-Encoding", "Accept-Language", "Cookie", "Host", "Referer"),
    *("Content-Type", "Content-Encoding", "Range", "If-Match", "If-Modified-Since"),
    *("Origin", "X-Forwarded-For", "X-Forwarded-Proto", "X-CSRFToken", "Expect"),
    *("Transfer-Encoding", "Connection", "Upgrade", "Content-Digest", "Via", "Trailer"),
    *("Authorization", "Content-Length", "X-Tenant", "Cookie", "X-HTTP-Method"),
)
VALUES = (
    *("", " ", "0", "-1", "close", "chunked", "gzip, chunked", "100-continue", "*/*"),
    *("multipart/form-data; boundary=x", "application/x-www-form-urlencoded"),
    *("application/json; charset=utf-16", "sha-256=::", "bytes=0-1,5-", "h2c"),
    *('sessionid="\\000abcdefghijk"', "sessionid=" + "x" * 40, "csrftoken=\x80"),
    *("Bearer ", "Basic \xff", "x" * 7_000, "de;q=NaN", "\xe9\xff", "evil.example"),
)
BODIES = (
    *(b"", b"{", b"[]", b"null", b'{"files": []}', b'{"files": [{"size": NaN}]}'),
    *(b'{"files": [{"size": 1e999, "sha256": "\\ud800"}]}', b"[" * 20_000),
    *(b"\xff" * 100, b"a=1&" * 3_000, b"--x\r\nContent-Disposition: form-data\r\n"),
    *(
        b"GET /smuggled HTTP/1.1\r\nHost: x\r\n\r\n",
        b"PK\x03\x04",
        b"\x89USG\r\n\x1a\n",
    ),
)


@dataclass(frozen=True, slots=True)
class FuzzRequest:
    """A request before it is written down."""

    method: str
    path: str
    headers: tuple[tuple[str, str], ...]
    body: bytes
    length: str | None


@dataclass
class RequestTally:
    statuses: Counter[int] = field(default_factory=Counter)
    slowest: float = 0.0
    resident: int = 0


@dataclass
class Material:
    """What sound requests are made of."""

    token: str
    file_id: str
    files: list[bytes]


def make_up(rng: random.Random, material: Material) -> FuzzRequest:
    """Make a request that is sound but for a few things."""
    body = _body(rng, material)
    headers = [("Host", "127.0.0.1")]
    if rng.random() < 0.8:
        headers.append(("Authorization", f"Bearer {material.token}"))
    if rng.random() < 0.8:
        headers.append(("Content-Digest", _digest(body)))
    if rng.random() < 0.5:
        headers.append(("Content-Type", "application/json"))
    headers += [
        (rng.choice(HEADERS), rng.choice(VALUES)) for _ in range(rng.choice((0, 1, 3)))
    ]
    rng.shuffle(headers)
    methods = METHODS if rng.random() < 0.9 else ODD_METHODS
    return FuzzRequest(
        method="PUT" if rng.random() < 0.3 else rng.choice(methods),
        path=_path(rng, material),
        headers=tuple(headers),
        body=body,
        length=_length(rng, body),
    )


def _digest(body: bytes) -> str:
    import hashlib
    from base64 import b64encode

    return f"sha-256=:{b64encode(hashlib.sha256(body).digest()).decode()}:"


def _path(rng: random.Random, material: Material) -> str:
    path = rng.choice(PATHS)
    if rng.random() < 0.4:
        path = f"/api/v1/files/{rng.choice(NAMES)}"
    if rng.random() < 0.3:
        path += "?" + "&".join(rng.choices(QUERIES, k=rng.choice((1, 2, 4))))
    if rng.random() < 0.1:
        at = rng.randrange(len(path) + 1)
        path = path[:at] + rng.choice(NAMES) + path[at:]
    return path.replace("{id}", material.file_id)


def _body(rng: random.Random, material: Material) -> bytes:
    if rng.random() < 0.6:
        return rng.choice(BODIES)
    data = bytearray(rng.choice(material.files))
    if rng.random() < 0.7:
        data[rng.randrange(len(data))] ^= 1 << rng.randrange(8)
    return bytes(data)


def _length(rng: random.Random, body: bytes) -> str | None:
    sound = str(len(body))
    if rng.random() < 0.9:
        return sound
    # A length that is too large stalls, which costs a second: seldom.
    others = (None, "0", "-1", "+1", "1,1", "0x1", "9" * 30, f"0{sound}", sound + " 1")
    return str(len(body) + 1) if rng.random() < 0.02 else rng.choice(others)


def to_bytes(request: FuzzRequest) -> bytes:
    lines = [f"{request.method} {request.path} HTTP/1.1"]
    lines += [f"{name}: {value}" for name, value in request.headers]
    if request.length is not None:
        lines.append(f"Content-Length: {request.length}")
    head = "\r\n".join(lines).encode("latin-1", "replace")
    return head + b"\r\n\r\n" + request.body


def damaged(data: bytes, rng: random.Random) -> bytes:
    """Damage what is written down, now and then."""
    if rng.random() < 0.85:
        return data
    at = rng.randrange(len(data))
    junk = rng.choice((b"\x00", b"\r", b"\n", b"\r\n\r\n", b"\xff", b" ", b":", b""))
    return data[:at] + junk + data[at + rng.randrange(4) :]


def attempt(portal: "RunningPortal", data: bytes, tally: RequestTally) -> None:
    """Say it, hang up the sending side, and hear what comes."""
    began = time.monotonic()
    with portal.connect() as wire:
        wire.try_to_send(data)
        wire.try_to_end_sending()
        answer = wire.answer(to_head=data.startswith(b"HEAD"))
    took = time.monotonic() - began
    assert answer.status < 500, (answer, data[:2_000])
    assert took < MOST_SECONDS, (took, data[:2_000])
    tally.statuses[answer.status] += 1
    tally.slowest = max(tally.slowest, took)


def run(
    send_one: Callable[[random.Random, RequestTally], None],
    *,
    seed: int,
    seconds: float = 1e9,
    rounds: int = sys.maxsize,
) -> RequestTally:
    """Try until time or rounds are up."""
    rng, tally = random.Random(seed), RequestTally()
    ends = time.monotonic() + seconds
    for _ in range(rounds):
        if time.monotonic() > ends:
            break
        send_one(rng, tally)
    return tally


@contextmanager
def own_database() -> Iterator[None]:
    """Make an empty database of our own, by the product's migrations."""
    from django.core.management import call_command
    from django.db import connections

    def as_owner(*statements: str) -> None:
        with connections["owner"].cursor() as cursor:
            for statement in statements:
                cursor.execute(statement)

    drop = f"drop database if exists {DATABASE} with (force)"
    original = connections["owner"].settings_dict["NAME"]
    as_owner(drop, f"create database {DATABASE}")
    for alias in connections:
        connections[alias].close()
        connections[alias].settings_dict["NAME"] = DATABASE
    call_command("migrate", verbosity=0, interactive=False)
    as_owner(f"grant connect on database {DATABASE} to portal_app")
    try:
        yield
    finally:
        connections["default"].close()
        connections["default"].close_pool()  # type: ignore[attr-defined]  # PostgreSQL's
        connections["owner"].close()
        connections["owner"].settings_dict["NAME"] = original
        as_owner(drop)
        connections["owner"].close()


def make_material() -> Material:
    """Open a company with a file, through the product's own acts."""
    from tests.builders import open_company

    company = open_company("F-1", name="Fuzz", zone="Europe/Berlin")
    yesterday = (datetime.now(tz=UTC) - timedelta(days=3)).date()
    days = company.server.days(yesterday - timedelta(days=9), yesterday)
    file, _ = company.send(days[0])
    return Material(token=company.token, file_id=str(file.pk), files=days)


def fuzz(var: Path, *, seed: int, seconds: float, rounds: int) -> RequestTally:
    """Fuzz a server that is started for it, and see that it still serves at the end."""
    from django.core.management import call_command

    from tests.journeys.live_server import has_errors, request, running_portal

    call_command("collectstatic", verbosity=0, interactive=False)
    material = make_material()
    changes = {"BODY_TIMEOUT": str(BODY_TIMEOUT), "LOG_LEVEL": "ERROR"}
    with running_portal(var, database=DATABASE, changes=changes) as portal:

        def send_one(rng: random.Random, tally: RequestTally) -> None:
            attempt(portal, damaged(to_bytes(make_up(rng, material)), rng), tally)

        try:
            tally = run(send_one, seed=seed, seconds=seconds, rounds=rounds)
        except AssertionError:
            sys.stderr.write(portal.log[-5_000:])
            raise
        assert portal.send_raw(request("GET", "/healthz")).status == 200
        assert not has_errors(portal.log), portal.log[-5_000:]
        tally.resident = peak_of_workers(portal)
        assert tally.resident < MOST_RESIDENT_KIB, tally.resident
    return tally


def peak_of_workers(portal: "RunningPortal") -> int:
    """Return the most memory that a process of the server has had, in KiB."""
    pid = portal.process.pid
    workers = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    peaks = [
        int(line.split()[1])
        for worker in workers
        for line in Path(f"/proc/{worker}/status").read_text().splitlines()
        if line.startswith("VmHWM:")
    ]
    return max(peaks)


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--seconds", type=float, default=60)
    parser.add_argument("--rounds", type=int, default=sys.maxsize)
    parser.add_argument("--seed", type=int, default=1)
    args = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="fuzz-requests-") as folder:
        from portal import env

        for name in env.VARIABLES:
            if value := env.text_or(name, ""):
                os.environ[name] = value
        os.environ |= {"VAR": folder, "DJANGO_SETTINGS_MODULE": "portal.settings"}
        import django

        django.setup()
        with own_database():
            tally = fuzz(
                Path(folder), seed=args.seed, seconds=args.seconds, rounds=args.rounds
            )
    total = sum(tally.statuses.values())
    sys.stdout.write(f"{total} requests, slowest {tally.slowest:.2f} s, ")
    sys.stdout.write(f"{tally.resident // 1024} MiB resident, seed {args.seed}\n")
    for status, count in tally.statuses.most_common():
        sys.stdout.write(f"{count:9} {status or 'closed without a word'}\n")


if __name__ == "__main__":
    main()
