"""Starts one child process in a session of its own, reads its output, and ends it."""

import os
import signal
import subprocess
import sys
import time
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

from portal.stack import launch, log

# Lines kept back from the log, to be shown should the part die after all.
KEPT_LINES = 15

# A line longer than this is cut: no part may fill our memory with one.
LONGEST_LINE = 64 * 1024

READ_AT_ONCE = 64 * 1024


def show_all(_line: str) -> bool:
    """Let every line through to the log."""
    return True


def nothing_to_do() -> None:
    """Stand in where a part needs no preparation, or leaves nothing behind."""


def always_ready() -> bool:
    """Stand in where a part is taken to be ready once it runs."""
    return True


@dataclass(frozen=True, kw_only=True)
class Part:
    """A program to run, and how to deal with it."""

    name: str
    argv: Sequence[str]
    cwd: Path
    environment: Mapping[str, str] = field(default_factory=dict)
    # What it is asked to stop with, and what the kernel sends it if we die.
    stop_with: signal.Signals = signal.SIGTERM
    orphaned_with: signal.Signals = signal.SIGKILL
    # Seconds that it then gets, before it is killed.
    patience: float = 5.0
    is_ready: Callable[[], bool] = always_ready
    is_shown: Callable[[str], bool] = show_all
    # Without a stamp, its lines can be copied from the terminal.
    is_stamped: bool = True
    # Runs before every start, also after a crash: what the last life left behind.
    prepare: Callable[[], None] = nothing_to_do
    # Runs once the part has been stopped for good.
    clean_up: Callable[[], None] = nothing_to_do


class Child:
    """A running part."""

    def __init__(self, part: Part) -> None:
        part.prepare()
        self.part = part
        self.started = time.monotonic()
        # Seconds of further patience, since it was killed and is not gone.
        self.respite = 0.0
        self._hidden: deque[str] = deque(maxlen=KEPT_LINES)
        self._unfinished = b""
        self._process = subprocess.Popen(  # noqa: S603 - our own command lines
            [*_launcher(part), *part.argv],
            cwd=part.cwd,
            env=dict(part.environment),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
        assert self._process.stdout is not None  # noqa: S101 - PIPE was asked for
        self._pipe = self._process.stdout
        os.set_blocking(self._pipe.fileno(), False)

    @property
    def pid(self) -> int:
        """The process, and because it leads a session, its group as well."""
        return self._process.pid

    def fileno(self) -> int:
        """Be something a selector can wait for."""
        return self._pipe.fileno()

    def read(self) -> bool:
        """Pass on what the part has said; False once there will be no more."""
        try:
            data = os.read(self.fileno(), READ_AT_ONCE)
        except BlockingIOError:
            return True
        *lines, self._unfinished = (self._unfinished + data).split(b"\n")
        for line in lines:
            self._pass_on(line)
        if len(self._unfinished) > LONGEST_LINE or not data:
            self._pass_on(self._unfinished)
            self._unfinished = b""
        return bool(data)

    def _pass_on(self, raw: bytes) -> None:
        line = raw.decode(errors="replace").rstrip()
        if not line:
            return
        if not self.part.is_stamped:
            log.write(f"{line}\n")
        elif self.part.is_shown(line):
            log.log_line(line, self.part.name)
        else:
            self._hidden.append(line)

    def show_hidden(self) -> None:
        """Say after all what was kept back: the part has died, it may tell why."""
        while self._hidden:
            log.log_line(self._hidden.popleft(), self.part.name)

    def poll(self) -> int | None:
        """Return the exit code once the part has ended, all of its group with it.

        The group is killed while the dead leader still holds its number, so that
        the number cannot meanwhile belong to somebody else.
        """
        if self._process.returncode is None:
            flags = os.WEXITED | os.WNOHANG | os.WNOWAIT
            if os.waitid(os.P_PID, self.pid, flags) is None:
                return None
            with suppress(ProcessLookupError, PermissionError):
                os.killpg(self.pid, signal.SIGKILL)
        return self._process.wait()

    def send(self, number: signal.Signals) -> None:
        """Signal the part; KILL goes to its whole group, and nobody is left."""
        if self._process.returncode is not None:
            return
        # A process that is ending may be gone by now: that is what was wanted.
        with suppress(ProcessLookupError):
            if number is signal.SIGKILL:
                os.killpg(self.pid, number)
            else:
                os.kill(self.pid, number)

    def close(self) -> None:
        """Read what is left in the pipe, and let go of it."""
        with suppress(OSError):
            while self._has_more():
                continue
        self._pipe.close()

    def _has_more(self) -> bool:
        try:
            data = os.read(self.fileno(), READ_AT_ONCE)
        except BlockingIOError:
            data = b""
        self._unfinished += data
        *lines, self._unfinished = self._unfinished.split(b"\n")
        for line in lines if data else (*lines, self._unfinished):
            self._pass_on(line)
        return bool(data)


def _launcher(part: Part) -> list[str]:
    # -I and -S: no site-packages are looked at, which keeps it at some 10 ms.
    program = [sys.executable, "-I", "-S", launch.__file__]
    return [*program, str(os.getpid()), str(int(part.orphaned_with))]
