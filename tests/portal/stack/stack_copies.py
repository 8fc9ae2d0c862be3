"""Copies a miniature product around the real supervisor and the real engines.

What is tested here is how parts are started, watched and stopped; the portal's
own pages would only make it slower.
"""

import os
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

from portal.stack import ports, settings

ROOT = Path(__file__).resolve().parents[3]
MINI = Path(__file__).parent / "mini"

# Generous, for a machine with two cores and others at work on them.
PATIENCE = 40.0


def wait_for(is_so: Callable[[], bool], seconds: float = PATIENCE) -> bool:
    """Wait until something is so; False when it never is."""
    deadline = time.monotonic() + seconds
    while not is_so():
        if time.monotonic() > deadline:
            return False
        time.sleep(0.05)
    return True


def processes_of(var: Path) -> list[int]:
    """Find every process that was started for a folder, whoever is its parent."""
    mark = str(var).encode()
    found = []
    for entry in Path("/proc").iterdir():
        if not entry.name.isdigit() or int(entry.name) == os.getpid():
            continue
        try:
            seen = os.fsencode((entry / "cwd").readlink())
            seen += (entry / "cmdline").read_bytes() + (entry / "environ").read_bytes()
        except OSError:
            continue
        # A process that has ended, and waits to be reaped, has neither.
        if mark in seen:
            found.append(int(entry.name))
    return found


def command_line(pid: int) -> bytes:
    """Read how a process was called; nothing when it has just ended."""
    try:
        return Path(f"/proc/{pid}/cmdline").read_bytes()
    except OSError:
        return b""


def leads_session(pid: int) -> bool:
    """Say whether a process is one that the supervisor itself started."""
    try:
        return os.getsid(pid) == pid
    except OSError:
        return False


class Copy:
    """A copy of the miniature product, with a folder and a port of its own."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.var = root / "var"
        self.port = ports.find_free()
        shutil.copytree(MINI, root, dirs_exist_ok=True)
        # A link: it is the real one that runs, and that coverage sees running.
        for name in ("stack", "service_urls.py"):
            (root / "portal" / name).symlink_to(ROOT / "portal" / name)
        self.environment = {
            **{k: v for k, v in os.environ.items() if k not in settings.REPLACING},
            "VAR": str(self.var),
            "PORT": str(self.port),
            "WEB_THREADS": "8",
        }
        self.started: list[subprocess.Popen[bytes]] = []

    def start(self, *, until: str = "Ctrl-C stops it") -> subprocess.Popen[bytes]:
        """Start it, and wait for a line in its log."""
        journal = self.root / f"run{len(self.started)}.log"
        with journal.open("wb") as output:
            process = subprocess.Popen(
                [sys.executable, "-m", "portal.stack", "run"],
                cwd=self.root,
                env=self.environment,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        self.started.append(process)
        self.journal = journal
        assert self.await_log(until), self.log
        return process

    def await_log(self, words: str) -> bool:
        """Wait until the log of the latest run contains something."""
        return wait_for(lambda: words in self.log)

    @property
    def log(self) -> str:
        return self.journal.read_text(errors="replace")

    def get(self, path: str = "/healthz") -> bytes:
        return ask(self.port, f"GET {path} HTTP/1.1\r\nHost: x\r\n\r\n".encode())

    def end(self) -> None:
        for process in self.started:
            process.terminate()
        for process in self.started:
            process.wait(PATIENCE)
        for pid in processes_of(self.var):
            os.kill(pid, signal.SIGKILL)


def ask(port: int, request: bytes, *, timeout: float = 5) -> bytes:
    """Send a request as it stands; return the beginning of the answer."""
    with socket.create_connection((ports.LOOPBACK, port), timeout=timeout) as client:
        client.sendall(request)
        return client.recv(4096)
