"""Starts parts, logs their output, restarts those that end, and stops them all.

One thread, one loop. It must stay one thread: the kernel's parent-death signal
is bound to the thread that forked, not to the process.
"""

import math
import selectors
import signal
import socket
import time
from collections.abc import Callable, Iterable, Sequence
from types import FrameType
from typing import Any

from portal.stack import log
from portal.stack.children import Child, Part

# How long the loop sleeps when nothing happens; signals and output wake it.
TICK = 0.5

# How often a part that is starting is asked whether it is ready.
POLL_EVERY = 0.05

# The first restart comes soon, for the one-off crash; the later ones rarely, so
# that a part which cannot start does not fill the log.
BACKOFF_FIRST = 0.5
BACKOFF_LONGEST = 30.0

# A part that has run this long has recovered: its next crash is a first one.
RECOVERED_AFTER = 60.0

# How long a part that was killed gets before that is tried again.
PATIENCE = 5.0

# What takes longer to stop says why.
LOG_STOP_AFTER = 2.0

# A slow step says that it is still at it.
LOG_PROGRESS_EVERY = 10.0


class StopRequestedError(Exception):
    """Ctrl-C or SIGTERM while something was being waited for."""


class FailedError(Exception):
    """A part did not start."""


class Supervisor:
    """All children of this process; use it as a context manager."""

    def __init__(self) -> None:
        self._children: dict[str, Child] = {}
        self._crashes: dict[str, int] = {}
        self._due: dict[str, tuple[float, Part]] = {}
        self._asked = False
        self._before: dict[signal.Signals, Any] = {}
        self._selector = selectors.DefaultSelector()
        self._wakeup, self._alarm = socket.socketpair()

    def __enter__(self) -> "Supervisor":
        self._wakeup.settimeout(0)
        self._alarm.settimeout(0)
        signal.set_wakeup_fd(self._alarm.fileno(), warn_on_full_buffer=False)
        self._selector.register(self._wakeup, selectors.EVENT_READ)
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            self._before[number] = signal.signal(number, self._request_stop)
        # Only so that the end of a child wakes the loop.
        ignore = signal.signal(signal.SIGCHLD, lambda _number, _frame: None)
        self._before[signal.SIGCHLD] = ignore
        return self

    def __exit__(self, *_: object) -> None:
        self.stop(list(self._children), kill=True)
        signal.set_wakeup_fd(-1)
        for number, handler in self._before.items():
            signal.signal(number, handler)
        self._selector.close()
        self._wakeup.close()
        self._alarm.close()

    def _request_stop(self, _number: int, _frame: FrameType | None) -> None:
        self._asked = True

    def start(self, part: Part) -> None:
        """Start a part; it will be kept running."""
        child = Child(part)
        self._children[part.name] = child
        self._selector.register(child, selectors.EVENT_READ)

    def run(self, part: Part) -> int:
        """Run a part that ends by itself, and return its exit code."""
        self._crashes.pop(part.name, None)
        child = Child(part)
        self._selector.register(child, selectors.EVENT_READ)
        reminder = time.monotonic() + LOG_PROGRESS_EVERY
        try:
            while (code := child.poll()) is None:
                self.turn(TICK)
                if time.monotonic() > reminder:
                    reminder += LOG_PROGRESS_EVERY
                    seconds = time.monotonic() - child.started
                    log.log_line(f"still at it after {seconds:.0f} s", part.name)
        finally:
            child.send(signal.SIGKILL)
            self._close(child)
        if code:
            child.show_hidden()
        return code

    def wait_until(self, is_done: Callable[[], bool], seconds: float) -> bool:
        """Keep everything going until a condition holds; False if it never does."""
        deadline = time.monotonic() + seconds
        while not is_done():
            if time.monotonic() > deadline:
                return False
            self.turn(POLL_EVERY)
        return True

    def wait_ready(self, parts: Sequence[Part], seconds: float) -> None:
        """Wait until all the parts are ready to be used."""
        waiting = list(parts)

        def are_ready() -> bool:
            waiting[:] = [part for part in waiting if not part.is_ready()]
            return not waiting

        if not self.wait_until(are_ready, seconds):
            names = ", ".join(part.name for part in waiting)
            message = f"{names} did not start within {seconds:.0f} s"
            raise FailedError(message)

    def watch(self) -> None:
        """Keep everything going until somebody asks to stop."""
        while True:
            self.turn(TICK)

    def turn(self, seconds: float) -> None:
        """Go once around: output, ends, restarts; raise once asked to stop."""
        self._read_output(seconds)
        for child in list(self._children.values()):
            code = child.poll()
            if code is not None:
                self._handle_exit(child, code)
        for name, (moment, part) in list(self._due.items()):
            if time.monotonic() >= moment:
                del self._due[name]
                self.start(part)
        if self._asked:
            self._asked = False
            raise StopRequestedError

    def _read_output(self, seconds: float) -> None:
        for key, _ in self._selector.select(seconds):
            if isinstance(key.fileobj, Child):
                if not key.fileobj.read():
                    self._selector.unregister(key.fileobj)
            else:
                self._wakeup.recv(4096)

    def _handle_exit(self, child: Child, code: int) -> None:
        part = child.part
        self._close(child)
        del self._children[part.name]
        child.show_hidden()
        if time.monotonic() - child.started > RECOVERED_AFTER:
            self._crashes.pop(part.name, None)
        crashes = self._crashes.get(part.name, 0)
        self._crashes[part.name] = crashes + 1
        pause = min(BACKOFF_FIRST * 2**crashes, BACKOFF_LONGEST)
        ending = describe_end(code)
        log.log_line(f"{part.name} ended ({ending}); starting it again in {pause:g} s")
        self._due[part.name] = (time.monotonic() + pause, part)

    def _close(self, child: Child) -> None:
        if child in {key.fileobj for key in self._selector.get_map().values()}:
            self._selector.unregister(child)
        child.close()

    def stop(self, names: Iterable[str], *, kill: bool = False) -> None:
        """Stop some of the parts, all at once; those that do not are killed."""
        stopping = {n: self._children.pop(n) for n in names if n in self._children}
        self._due.clear()
        for child in stopping.values():
            child.send(signal.SIGKILL if kill else child.part.stop_with)
        started = time.monotonic()
        reminder = started + LOG_STOP_AFTER
        while stopping:
            self._read_output(POLL_EVERY)
            for name, child in list(stopping.items()):
                if child.poll() is not None:
                    self._close(stopping.pop(name))
                    child.part.clean_up()
            self._kill_the_rest(stopping.values(), time.monotonic() - started)
            if stopping and time.monotonic() > reminder:
                reminder = math.inf
                log.log_line(f"{', '.join(stopping)}: ending what is in progress")

    def _kill_the_rest(self, stopping: Iterable[Child], waited: float) -> None:
        """Kill parts that have had their time; all, where somebody asks once more."""
        is_asked, self._asked = self._asked, False
        for child in stopping:
            if is_asked or waited > child.part.patience + child.respite:
                log.log_line(f"{child.part.name} does not stop and is killed")
                child.send(signal.SIGKILL)
                # Not again at once: the kernel takes a moment.
                child.respite += PATIENCE


def describe_end(code: int) -> str:
    """Put an exit code into words."""
    if code >= 0:
        return f"exit code {code}"
    try:
        return signal.Signals(-code).name
    except ValueError:
        return f"signal {-code}"
