"""Runs other file servers, where installed, to compare the portal with."""

import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from hashlib import sha256
from http import HTTPStatus
from http.client import HTTPConnection, HTTPException
from pathlib import Path
from typing import TYPE_CHECKING, Any

from portal.stack import ports
from tests.bench.bench_portal import CPU_CLOCK

if TYPE_CHECKING:
    from tests.bench.sized_files import SizedBody

PATIENCE = 60.0

NGINX = """
daemon off;
pid {folder}/pid;
error_log {folder}/error.log;
worker_processes 2;
events {{ worker_connections 64; }}
http {{
  access_log off;
  client_body_temp_path {folder}/body;
  proxy_temp_path {folder}/p; fastcgi_temp_path {folder}/f;
  uwsgi_temp_path {folder}/u; scgi_temp_path {folder}/s;
  client_max_body_size 64m;
  server {{
    listen 127.0.0.1:{port};
    root {folder}/files;
    location / {{ dav_methods PUT; create_full_put_path on; dav_access user:rw; }}
  }}
}}
"""


@dataclass(frozen=True)
class OtherServer:
    """A server that takes files by PUT, and the process that began it."""

    port: int
    path: str
    pid: int

    def cpu_seconds(self) -> float:
        """Return what it and its workers have used of the processor so far."""
        children = Path(f"/proc/{self.pid}/task/{self.pid}/children").read_text()
        pids = [self.pid, *map(int, children.split())]
        return sum(time.clock_gettime(~pid << 3 | CPU_CLOCK) for pid in pids)

    def put(self, name: str, body: "SizedBody") -> None:
        put_all(self.port, self.path, hashed, [(name, body)])


def put_all(
    port: int, path: str, headers: Callable[["SizedBody"], dict[str, str]], bodies: Any
) -> None:
    """Send bodies over one connection, as a script does that keeps it."""
    connection = HTTPConnection(ports.LOOPBACK, port, timeout=PATIENCE)
    for number, body in bodies:
        connection.request("PUT", f"{path}{number}.usg", body.data, headers(body))
        answer = connection.getresponse()
        answer.read()
        assert answer.status in (HTTPStatus.CREATED, HTTPStatus.OK), answer.status
    connection.close()


def hashed(body: "SizedBody") -> dict[str, str]:
    """Hash as whoever wants to know what came has to; the others do not ask."""
    return {"X-Sum": sha256(body.data).hexdigest()}


def await_port(port: int) -> None:
    deadline = time.monotonic() + PATIENCE
    while time.monotonic() < deadline:
        with suppress(OSError, HTTPException):
            client = HTTPConnection(ports.LOOPBACK, port, timeout=5)
            client.request("GET", "/")
            client.getresponse().read()
            client.close()
            return
        time.sleep(0.1)
    message = f"nothing answers on port {port}"
    raise RuntimeError(message)


@contextmanager
def running(command: list[str], port: int) -> Iterator[int]:
    away = subprocess.DEVNULL
    process = subprocess.Popen(command, stdout=away, stderr=away)
    try:
        await_port(port)
        yield process.pid
    finally:
        process.terminate()
        process.wait()


@contextmanager
def run_other_servers(folder: Path) -> Iterator[dict[str, OtherServer]]:
    """Start what is installed of the others; say what is not."""
    found: dict[str, OtherServer] = {}
    with ExitStack() as stack:
        nginx = shutil.which("nginx") or shutil.which("nginx", path="/usr/sbin")
        if nginx:
            port, own = ports.find_free(), folder / "nginx"
            (own / "files").mkdir(parents=True)
            # Its workers write as nobody where root has started it.
            own.chmod(0o755)
            (own / "files").chmod(0o777)
            written = own / "nginx.conf"
            written.write_text(NGINX.format(folder=own, port=port))
            pid = stack.enter_context(running([nginx, "-c", str(written)], port))
            found["nginx DAV"] = OtherServer(port, "/", pid)
        if shutil.which("copyparty"):
            port, own = ports.find_free(), folder / "copyparty"
            own.mkdir()
            address = ["-i", ports.LOOPBACK, "-p", str(port)]
            volume = [*address, "-v", f"{own}::rw", "-q", "--no-thumb", "-j1"]
            pid = stack.enter_context(running(["copyparty", *volume], port))
            found["copyparty"] = OtherServer(port, "/", pid)
        for name in ("nginx DAV", "copyparty"):
            if name not in found:
                sys.stdout.write(f"  {name} is not installed, and left out\n")
        yield found
