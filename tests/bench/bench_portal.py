"""Runs a portal with its own database and bucket for the benchmarks.

The engines are those of `make bench`, or of a running `make run` (`VAR`); nothing that
they hold is touched. To be imported before Django, which reads the environment.
"""

import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from http.client import HTTPConnection, HTTPException, HTTPMessage
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlsplit, urlunsplit

import psycopg
from psycopg import sql

from portal.stack import gunicorn_conf, ports
from portal.stack.run import describe_worker

if TYPE_CHECKING:
    from tests.bench.sized_files import SizedBody

ROOT = Path(__file__).resolve().parents[2]

# An import of everything on a machine that others use as well.
_PATIENCE = 60.0

# Of another process, as Linux numbers the clock of its time on the processor.
CPU_CLOCK = 2


@dataclass(frozen=True, slots=True)
class BenchPortal:
    """Where everything is, and the owner's sign-in, which only the floors use."""

    folder: Path
    owner_url: str

    @property
    def spool(self) -> Path:
        """Where uploads are written to, for a floor that writes there too."""
        folder = self.folder / "usage" / "spool"
        folder.mkdir(parents=True, exist_ok=True)
        return folder


@contextmanager
def prepared() -> Iterator[BenchPortal]:
    """Point the environment at a new database, bucket and folder; remove them after."""
    var = ROOT / (os.environ.get("VAR") or "var")
    with suppress(FileNotFoundError):
        for name, value in json.loads((var / "parts.json").read_text()).items():
            os.environ.setdefault(name, value)
    owner = os.environ["DATABASE_OWNER_URL"]
    name = f"bench_{os.getpid()}"
    folder = Path(tempfile.mkdtemp(prefix="bench-", dir=var))
    (folder / "static").mkdir()
    os.environ |= {
        "VAR": str(folder),
        "S3_BUCKET": name.replace("_", "-"),
        "DATABASE_URL": _renamed(os.environ["DATABASE_URL"], name),
        "DATABASE_OWNER_URL": _renamed(owner, name),
        "DJANGO_SETTINGS_MODULE": "portal.settings",
    }
    _as_owner(owner, "create database {}", name)
    try:
        _migrate()
        _as_owner(owner, "grant connect on database {} to portal_app", name)
        yield BenchPortal(folder, os.environ["DATABASE_OWNER_URL"])
    finally:
        _empty_bucket()
        _close_connections()
        _as_owner(owner, "drop database {} with (force)", name)
        shutil.rmtree(folder)


def _renamed(url: str, database: str) -> str:
    return urlunsplit(urlsplit(url)._replace(path=f"/{database}"))


def _as_owner(url: str, statement: str, name: str) -> None:
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute(sql.SQL(statement).format(sql.Identifier(name)))


def _migrate() -> None:
    import django
    from django.core.management import call_command

    django.setup()
    call_command("migrate", verbosity=0, interactive=False)
    call_command("prepare_bucket", verbosity=0)


def _close_connections() -> None:
    from django.db import connections

    for alias in connections:
        connections[alias].close()
    close_pool = getattr(connections["default"], "close_pool", None)
    if close_pool is not None:
        close_pool()


def _empty_bucket() -> None:
    from usage.storage import s3_client

    client, name = s3_client.client(), os.environ["S3_BUCKET"]
    for page in client.get_paginator("list_objects_v2").paginate(Bucket=name):
        for found in page.get("Contents", ()):
            client.delete_object(Bucket=name, Key=found["Key"])
    client.delete_bucket(Bucket=name)


class Web:
    """The portal's web server, with its configuration, serving one application."""

    def __init__(self, application: str, **environment: str) -> None:
        self.port = ports.find_free()
        self._journal = Path(os.environ["VAR"]) / f"web-{self.port}.log"
        command = ("-m", "gunicorn", "--config", gunicorn_conf.__file__, application)
        with self._journal.open("wb") as output:
            self._process = subprocess.Popen(
                [sys.executable, *command],
                cwd=ROOT,
                env={**os.environ, **environment, "PORT": str(self.port)},
                stderr=output,
            )
        self._await()

    def _await(self) -> None:
        deadline = time.monotonic() + _PATIENCE
        while time.monotonic() < deadline and self._process.poll() is None:
            with suppress(OSError, HTTPException):
                client = HTTPConnection(ports.LOOPBACK, self.port, timeout=5)
                client.request("GET", "/healthz")
                client.getresponse().read()
                client.close()
                return
            time.sleep(0.1)
        message = f"the web server does not answer:\n{self._journal.read_text()}"
        raise RuntimeError(message)

    def workers(self) -> list[int]:
        pid = self._process.pid
        return [
            int(child)
            for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
        ]

    def cpu_seconds(self) -> float:
        """Return what the workers have used of the processor so far."""
        return sum(time.clock_gettime(~pid << 3 | CPU_CLOCK) for pid in self.workers())

    def resident(self, *, peak: bool) -> int:
        """Return the bytes of memory that the workers hold, or held at most."""
        name = "VmHWM:" if peak else "VmRSS:"
        return 1024 * sum(
            int(line.split()[1])
            for pid in self.workers()
            for line in Path(f"/proc/{pid}/status").read_text().splitlines()
            if line.startswith(name)
        )

    def forget_peak(self) -> None:
        for pid in self.workers():
            Path(f"/proc/{pid}/clear_refs").write_text("5")

    def stop(self) -> None:
        self._process.send_signal(signal.SIGQUIT)
        self._process.wait()


@contextmanager
def serving(application: str, **environment: str) -> Iterator[Web]:
    web = Web(application, **environment)
    try:
        yield web
    finally:
        web.stop()


@contextmanager
def refreshing() -> Iterator[int]:
    """Run the refresher beside what is measured, as `make run` does; yield its pid."""
    journal = Path(os.environ["VAR"]) / "refresher.log"
    with journal.open("wb") as output:
        process = subprocess.Popen(
            [sys.executable, "-m", *describe_worker("refresher", "refresh", 1)],
            cwd=ROOT,
            env={**os.environ, "PYTHONWARNINGS": "ignore"},
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
    try:
        yield process.pid
    finally:
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()


class BenchClient:
    """One connection that is kept, as a script's would be."""

    def __init__(self, web: Web, token: str = "", *, timeout: float = 60) -> None:
        self._connection = HTTPConnection(ports.LOOPBACK, web.port, timeout=timeout)
        self._token = token
        self.status = 0
        self.headers = HTTPMessage()

    def put(self, body: "SizedBody") -> bytes:
        """Upload; return the body of the answer."""
        headers = {
            "Authorization": f"Bearer {self._token}",
            "Content-Digest": body.digest,
        }
        self._connection.request("PUT", "/api/v1/files/day.usg", body.data, headers)
        answer = self._connection.getresponse()
        self.status, self.headers = answer.status, answer.headers
        return answer.read()

    def timing(self) -> dict[str, float]:
        """Return what the last answer's Server-Timing header says, as steps.py does."""
        told = self.headers["Server-Timing"].split(", ")
        pairs = (entry.split(";dur=") for entry in told)
        return {name: float(value) for name, value in pairs}
