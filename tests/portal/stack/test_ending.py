"""Stopping: requests in progress finish, new ones are refused, and it is quick."""

import os
import re
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from portal.stack import ports, settings
from tests.builders import Writer, digest_header
from tests.portal.stack.stack_copies import ROOT, Copy, processes_of, wait_for
from usage.usg.keyfiles import Purpose, read_key, write_pair

pytestmark = pytest.mark.faults

# With a busy machine; on an idle one it is a second.
SOON = 6

BODY = b"x" * 100_000
SLOW = b"PUT /slow HTTP/1.1\r\nHost: x\r\nContent-Length: %d\r\n\r\n" % len(BODY)
HEALTHZ = b"GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n"


def connect(port: int, words: bytes = b"") -> socket.socket:
    client = socket.create_connection((ports.LOOPBACK, port), timeout=40)
    client.sendall(words)
    return client


def answer(client: socket.socket) -> bytes:
    """Read one whole answer, as its own Content-Length bounds it."""
    data = b""
    while more := client.recv(65_536):
        data += more
        head, found, body = data.partition(b"\r\n\r\n")
        length = re.search(rb"(?i)content-length: (\d+)", head)
        if found and length and len(body) >= int(length[1]):
            break
    return data


def is_refused(port: int) -> bool:
    """Say whether nobody answers; who was let in and sent away has lost nothing."""
    try:
        with connect(port, HEALTHZ) as client:
            return client.recv(100) == b""
    except OSError:
        return True


def test_requests_in_progress_finish_and_nobody_else_is_let_in(copy: Copy) -> None:
    process = copy.start()
    half = len(BODY) // 2
    with (
        connect(copy.port, SLOW + BODY[:half]) as uploading,
        connect(copy.port) as silent,
        connect(copy.port, HEALTHZ) as kept,
    ):
        assert answer(kept).endswith(b"/healthz 8 0")
        time.sleep(0.2)
        process.terminate()
        assert wait_for(lambda: is_refused(copy.port), SOON)
        # Idle connections go, and hold nobody up.
        assert silent.recv(1) == b""
        assert kept.recv(1) == b""
        # All that the request may need is still there.
        assert any(b"postgres" in name for name in names_of(copy))
        assert copy.await_log("web: ending what is in progress")
        assert process.poll() is None
        uploading.sendall(BODY[half:])
        told = answer(uploading)
        assert told.startswith(b"HTTP/1.1 200 ")
        assert told.endswith(b"/slow 5 %d" % len(BODY))
        started = time.monotonic()
        assert process.wait(SOON) == 0
        assert time.monotonic() - started < SOON
    assert processes_of(copy.var) == []
    assert "does not stop" not in copy.log


def names_of(copy: Copy) -> list[bytes]:
    found = []
    for pid in processes_of(copy.var):
        try:
            found.append(Path(f"/proc/{pid}/cmdline").read_bytes())
        except OSError:
            continue
    return found


def test_idle_connections_hold_nobody_up(copy: Copy) -> None:
    process = copy.start()
    with connect(copy.port) as _silent, connect(copy.port, HEALTHZ) as kept:
        assert answer(kept).endswith(b"/healthz 8 0")
        started = time.monotonic()
        process.terminate()
        assert process.wait(SOON) == 0
        assert time.monotonic() - started < SOON
    assert "does not stop" not in copy.log


def test_a_second_signal_ends_at_once(copy: Copy) -> None:
    process = copy.start()
    with connect(copy.port, SLOW + BODY[:10]):
        time.sleep(0.2)
        process.terminate()
        assert copy.await_log("web: ending what is in progress")
        process.send_signal(signal.SIGINT)
        assert process.wait(SOON) == 0
    assert "web does not stop and is killed" in copy.log
    assert processes_of(copy.var) == []


# The product itself


@pytest.fixture
def product(tmp_path: Path) -> Iterator["Product"]:
    made = Product(tmp_path / "var")
    yield made
    made.end()


class Product:
    """`make run` with the real portal, in a folder of its own."""

    def __init__(self, var: Path) -> None:
        self.var, self.port = var, ports.find_free()
        self.environment = {
            **{k: v for k, v in os.environ.items() if k not in settings.REPLACING},
            "VAR": str(var),
            "PORT": str(self.port),
            "DEMO": "no",
        }
        for name in ("SECRET_KEY", "MASTER_KEY", "PORTAL_ADDRESS", "ALLOWED_HOSTS"):
            self.environment.pop(name, None)
        self.started: list[subprocess.Popen[bytes]] = []

    def start(self) -> subprocess.Popen[bytes]:
        journal = self.var.parent / f"run{len(self.started)}.log"
        with journal.open("wb") as output:
            process = subprocess.Popen(
                [sys.executable, "-m", "portal.stack", "run"],
                cwd=ROOT,
                env=self.environment,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        self.started.append(process)
        assert wait_for(lambda: b"Ctrl-C stops it" in journal.read_bytes(), 90)
        return process

    def manage(self, *arguments: str) -> str:
        done = subprocess.run(
            [sys.executable, str(ROOT / "manage.py"), *arguments],
            cwd=ROOT,
            env=self.environment,
            capture_output=True,
            check=True,
            text=True,
        )
        return done.stdout

    def end(self) -> None:
        for process in self.started:
            process.terminate()
            process.wait(60)


def open_tenant(product: Product, folder: Path) -> tuple[Writer, str]:
    """Make a tenant as README says; return its server and its token."""
    writer = Writer(tenant="T-1", name="IC1", zone="Europe/Berlin", sealing_public=b"")
    write_pair(folder / "IC1.key", Purpose.SIGNING, writer.pair)
    told = product.manage(
        *("setup", "--staff-email", "desk@vendor.example", "--number", "T-1"),
        *("--name", "Trial", "--zone", writer.zone),
        *("--admin-email", "it@trial.example", "--first-day", "2026-04-28"),
        *("--server", "IC1", str(folder / "IC1.key.pub")),
    )
    key = folder / "sealing.key.pub"
    text = told.partition("public key file:")[2].partition("A server")[0]
    key.write_text(f"{text.strip()}\n")
    writer.sealing_public = read_key(key, Purpose.SEALING).public
    [token] = re.findall(r"usg_\S+", told)
    return writer, token


@pytest.mark.timeout(300)
def test_an_upload_in_progress_is_answered_and_there_after_the_restart(
    product: Product, tmp_path: Path
) -> None:
    process = product.start()
    writer, token = open_tenant(product, tmp_path)
    data = writer.day(datetime.now(UTC).date() - timedelta(days=3))
    head = (
        "PUT /api/v1/files/day.usg HTTP/1.1\r\nHost: 127.0.0.1\r\n"
        f"Authorization: Bearer {token}\r\nContent-Length: {len(data)}\r\n"
        f"Content-Digest: {digest_header(data)['Content-Digest']}\r\n\r\n"
    )
    with connect(product.port, head.encode() + data[:100]) as client:
        time.sleep(0.5)
        process.terminate()
        assert wait_for(lambda: is_refused(product.port), SOON)
        client.sendall(data[100:])
        told = answer(client)
        assert told.startswith(b"HTTP/1.1 201 "), told
        assert b'"verdict": "accepted"' in told
    assert process.wait(5 * SOON) == 0
    product.start()
    assert "could not be done" not in product.manage("drain")
    assert "invariants hold in 1 tenants" in product.manage("check_invariants", "--s3")
    ask = (
        "GET /api/v1/files HTTP/1.1\r\nHost: 127.0.0.1\r\n"
        f"Authorization: Bearer {token}\r\n\r\n"
    )
    with connect(product.port, ask.encode()) as client:
        assert answer(client).count(b'"state": "accepted"') == 1
