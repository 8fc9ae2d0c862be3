"""Runs the real web server, with small limits, before a site whose clients stall.

The application answers by path: `/unread` refuses without reading the body,
`/page/N` and `/stream/N` return N bytes at once and in pieces, `/file/N` a file of N
bytes; everything else reads the body and says how long it was.
"""

import json
import os
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
from array import array
from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any

from portal.stack import ports
from tests.portal.stack.stack_copies import ROOT, wait_for

CONFIGURATION = Path(__file__).with_name("gunicorn_small.py")

HEALTHZ = b"GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n"

_PIECE = 64 * 1024


@cache
def content(length: int) -> bytes:
    """Return the bytes that the site serves: every part of them is different."""
    return array("I", range(length // 4 + 1)).tobytes()[:length]


def _refuse(environ: dict[str, Any], start: Callable[..., Any]) -> Iterable[bytes]:
    start("401 Unauthorized", [("Content-Length", "2")])
    return [b"no"]


def _serve(environ: dict[str, Any], start: Callable[..., Any]) -> Iterable[bytes]:
    _, kind, number = environ["PATH_INFO"].split("/")
    data = content(int(number))
    if kind == "stream":
        start("200 OK", [])
        return (data[at : at + _PIECE] for at in range(0, len(data), _PIECE))
    start("200 OK", [("Content-Length", number)])
    if kind == "page":
        return [data]
    path = Path(os.environ["SITE_FILES"], number)
    if not path.exists():
        path.write_bytes(data)
    wrapped: Iterable[bytes] = environ["wsgi.file_wrapper"](path.open("rb"))
    return wrapped


def _read(environ: dict[str, Any], start: Callable[..., Any]) -> Iterable[bytes]:
    length = int(environ.get("CONTENT_LENGTH") or 0)
    try:
        body = environ["wsgi.input"].read(length)
    except TimeoutError:
        start("408 Request Timeout", [("Content-Length", "0")])
        return []
    threads = threading.active_count()
    answer = f"{environ['PATH_INFO']} read {len(body)}, {threads} threads\n".encode()
    start("200 OK", [("Content-Length", str(len(answer)))])
    return [answer]


def application(environ: dict[str, Any], start: Callable[..., Any]) -> Iterable[bytes]:
    """Answer by path."""
    path = environ["PATH_INFO"]
    if path == "/unread":
        return _refuse(environ, start)
    if path.startswith(("/page/", "/stream/", "/file/")):
        return _serve(environ, start)
    return _read(environ, start)


@dataclass
class Client:
    """A connection on which a test says what it likes."""

    wire: socket.socket
    rest: bytes = field(default=b"")

    def send(self, data: bytes) -> None:
        self.wire.sendall(data)

    def answer(self) -> tuple[int, bytes, bytes]:
        """Read one response; return its status (0 at the end), its head, its body."""
        head = self._until(b"\r\n\r\n")
        if not head:
            return 0, b"", self.rest
        length = 0
        for line in head.lower().split(b"\r\n"):
            if line.startswith(b"content-length:"):
                length = int(line.partition(b":")[2])
        while len(self.rest) < length and self._more():
            pass
        body, self.rest = self.rest[:length], self.rest[length:]
        return int(head.split()[1]), head, body

    def everything(self) -> bytes:
        """Read until the server closes."""
        while self._more():
            pass
        return self.rest

    def is_closed(self) -> bool:
        """Wait for the server to close; return whether it did without a word."""
        return not self.everything()

    def _until(self, mark: bytes) -> bytes:
        while mark not in self.rest:
            if not self._more():
                return b""
        head, _, self.rest = self.rest.partition(mark)
        return head

    def _more(self) -> bool:
        try:
            data = self.wire.recv(_PIECE)
        except ConnectionError:
            data = b""
        self.rest += data
        return bool(data)


@dataclass
class StallingSite:
    """A running site, and its clients."""

    port: int
    process: subprocess.Popen[bytes]
    clients: ExitStack

    def connect(self, words: bytes = b"", *, window: int = 0) -> Client:
        """Connect and say something; `window` bounds what the client's system takes."""
        wire = socket.socket()
        if window:
            wire.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, window)
        wire.settimeout(20)
        wire.connect((ports.LOOPBACK, self.port))
        self.clients.enter_context(wire)
        wire.sendall(words)
        return Client(wire)

    def time_healthz(self) -> float:
        """Return how many seconds a newcomer waits for an answer."""
        started = time.monotonic()
        status, _, body = self.connect(HEALTHZ).answer()
        assert (status, body[:15]) == (200, b"/healthz read 0")
        return time.monotonic() - started

    def assert_answers_newcomers(self) -> None:
        assert max(self.time_healthz() for _ in range(10)) < 0.5

    @property
    def worker(self) -> int:
        """The process that serves."""
        children = Path(f"/proc/{self.process.pid}/task/{self.process.pid}/children")
        return int(children.read_text().split()[0])

    def count_connections(self) -> int:
        """Return how many sockets the serving process has."""
        found = 0
        for one in Path(f"/proc/{self.worker}/fd").iterdir():
            try:
                found += str(one.readlink()).startswith("socket:")
            except OSError:
                continue
        return found


@contextmanager
def run_stalling_site(**limits: object) -> Iterator[StallingSite]:
    """Run the site with other limits, by `module__NAME`, until the block ends."""
    port = ports.find_free()
    with ExitStack() as clients:
        folder = clients.enter_context(tempfile.TemporaryDirectory())
        environment = {
            **os.environ,
            "PORT": str(port),
            "PYTHONPATH": str(ROOT),
            "SMALL_LIMITS": json.dumps(limits),
            "SITE_FILES": folder,
        }
        command = [sys.executable, "-m", "gunicorn", "--config", str(CONFIGURATION)]
        process = subprocess.Popen(
            [*command, f"{__name__}:application"], env=environment, cwd=ROOT
        )
        site = StallingSite(port, process, clients)
        try:
            assert wait_for(lambda: ports.is_answering(port))
            site.time_healthz()
            yield site
        finally:
            process.send_signal(signal.SIGQUIT)
            process.wait(20)
