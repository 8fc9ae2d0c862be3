"""The real web server on a test's own database, and raw sockets to send it bytes."""

import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit, urlunsplit

from portal import env
from portal.stack import ports

ROOT = Path(__file__).resolve().parents[2]
CONFIGURATION = ROOT / "portal" / "stack" / "gunicorn_conf.py"

# Seconds; generous, for a machine with two cores and others at work on them.
PATIENCE = 30.0

# What the server's own settings ask for; a test's are of its worker.
NEEDED = (
    *("SECRET_KEY", "MASTER_KEY", "BROKER_URL", "S3_ENDPOINT_URL", "S3_REGION"),
    *("S3_ACCESS_KEY_ID", "S3_SECRET_ACCESS_KEY"),
)


def wait_for(is_so: Callable[[], bool], seconds: float = PATIENCE) -> bool:
    """Wait until something is so; False when it never is."""
    deadline = time.monotonic() + seconds
    while not is_so():
        if time.monotonic() > deadline:
            return False
        time.sleep(0.02)
    return True


@dataclass
class RunningPortal:
    """A running web server, and what it wrote to its log."""

    port: int
    process: subprocess.Popen[bytes]
    journal: Path
    statuses: list[int] = field(default_factory=list)

    @property
    def address(self) -> str:
        return f"http://{ports.LOOPBACK}:{self.port}"

    @property
    def log(self) -> str:
        return self.journal.read_text(errors="replace")

    def connect(self) -> "RawConnection":
        client = socket.create_connection((ports.LOOPBACK, self.port), PATIENCE)
        return RawConnection(client, self)

    def send_raw(self, data: bytes) -> "RawAnswer":
        """Send a request as it stands, on a connection of its own."""
        with self.connect() as wire:
            wire.send(data)
            return wire.answer()


@dataclass
class RawAnswer:
    """What came back: 0 when the connection was closed without a word."""

    status: int
    headers: dict[str, str]
    body: bytes

    def json(self) -> Any:
        return json.loads(self.body)

    @property
    def code(self) -> str:
        return str(self.json()["code"])


class RawConnection:
    """A connection on which anything can be said."""

    def __init__(self, client: socket.socket, portal: RunningPortal) -> None:
        self._client = client
        self._portal = portal
        self._rest = b""

    def __enter__(self) -> "RawConnection":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        self._client.close()

    def end_sending(self) -> None:
        """Say no more, but go on listening."""
        self._client.shutdown(socket.SHUT_WR)

    def reset(self) -> None:
        """End at once, as a machine that crashes or a cable that is cut."""
        linger = b"\x01\x00\x00\x00\x00\x00\x00\x00"
        self._client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
        self._client.close()

    def send(self, data: bytes) -> None:
        self._client.sendall(data)

    def try_to_send(self, data: bytes) -> None:
        """Send what the other side may not want to hear any more."""
        try:
            self._client.sendall(data)
        except OSError:
            return

    def try_to_end_sending(self) -> None:
        """Say no more to one who may have hung up."""
        try:
            self.end_sending()
        except OSError:
            return

    def _more(self) -> bool:
        try:
            data = self._client.recv(65_536)
        except ConnectionError:
            data = b""
        self._rest += data
        return bool(data)

    def answer(self, *, to_head: bool = False) -> RawAnswer:
        """Read one whole answer, as its own Content-Length bounds it."""
        while b"\r\n\r\n" not in self._rest:
            if not self._more():
                return RawAnswer(0, {}, self._rest)
        head, _, self._rest = self._rest.partition(b"\r\n\r\n")
        first, *lines = head.decode("latin-1").split("\r\n")
        headers = {
            name.lower(): value.strip()
            for name, _, value in (line.partition(":") for line in lines)
        }
        status = int(first.split()[1])
        self._portal.statuses.append(status)
        has_body = status >= 200 and not to_head
        length = int(headers.get("content-length", 0)) if has_body else 0
        while len(self._rest) < length and self._more():
            pass
        body, self._rest = self._rest[:length], self._rest[length:]
        return RawAnswer(status, headers, body)

    def is_closed(self) -> bool:
        """Say whether the other side ends the connection, with nothing more said."""
        while self._more():
            pass
        return not self._rest


def database_url(name: str, *, variable: str = "DATABASE_URL") -> str:
    """Return how to sign in to another database of the same PostgreSQL."""
    return urlunsplit(urlsplit(env.text(variable))._replace(path=f"/{name}"))


def environment_of(
    var: Path, *, database: str, port: int, changes: Mapping[str, str] | None = None
) -> dict[str, str]:
    """Return what a process of the product needs to work on a test's own data."""
    return {
        **os.environ,
        **{name: env.text_or(name, "") for name in NEEDED},
        "DATABASE_URL": database_url(database),
        "DATABASE_OWNER_URL": "",
        "DJANGO_SETTINGS_MODULE": "portal.settings",
        "PORTAL_ADDRESS": f"http://{ports.LOOPBACK}:{port}",
        "ALLOWED_HOSTS": "127.0.0.1,localhost",
        "VAR": str(var),
        "PORT": str(port),
        "WEB_WORKERS": "1",
        **(changes or {}),
    }


def link_static_files(var: Path) -> None:
    """Let pages load what was collected for the run of all tests."""
    folder = var / "static"
    if folder.is_dir():
        folder.rmdir()
    folder.symlink_to(env.var_folder() / "static")


@contextmanager
def running_portal(
    var: Path,
    *,
    database: str,
    changes: Mapping[str, str] | None = None,
    configuration: Path = CONFIGURATION,
) -> Iterator[RunningPortal]:
    """Run gunicorn, by default as the product configures it, until the block ends."""
    port = ports.find_free()
    environment = environment_of(var, database=database, port=port, changes=changes)
    (var / "static").mkdir(parents=True, exist_ok=True)
    journal = var / "web.log"
    with journal.open("wb") as output:
        process = subprocess.Popen(
            [
                *(sys.executable, "-m", "gunicorn", "-c", str(configuration)),
                "portal.wsgi:application",
            ],
            env=environment,
            cwd=ROOT,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
    portal = RunningPortal(port, process, journal)
    try:
        assert wait_for(lambda: ports.is_answering(port)), portal.log
        yield portal
    finally:
        process.send_signal(signal.SIGQUIT)
        try:
            process.wait(PATIENCE)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def request(
    method: str, path: str, body: bytes = b"", *, token: str = "", **headers: str
) -> bytes:
    """Write a request down; names of headers with `_` for `-`, "" leaves one out."""
    headers = {
        "Host": "127.0.0.1",
        "Content-Length": str(len(body)),
        "Authorization": f"Bearer {token}" if token else "",
        **{name.replace("_", "-"): value for name, value in headers.items()},
    }
    lines = [f"{method} {path} HTTP/1.1"]
    lines += [f"{name}: {value}" for name, value in headers.items() if value]
    return "\r\n".join(lines).encode("latin-1") + b"\r\n\r\n" + body


# What the server and the portal log when something of theirs has failed. A refused
# Host header is logged with a traceback as well, but is no failure.
ERRORS = (
    *("Internal Server Error", "could not be settled", "Error handling request"),
    *("Socket error processing", "Exception in worker", "Exception in thread"),
)


def has_errors(log: str) -> bool:
    """Say whether the server logged a failure of ours."""
    return any(text in log for text in ERRORS)
