"""The portal's WSGI application with a timer around each step, for benchmarks.

Functions are wrapped from outside; each answer says in its Server-Timing header where
its time went. What a step calls is counted to the innermost step only, and statements
of the database beside the step that sends them.
"""

import os
import stat
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from functools import wraps
from typing import Any

# Set Django up, and load the routers in their order, before anything is wrapped.
from portal.wsgi import application as portal

# isort: split
from portal import urls  # noqa: F401 - imported for that alone

# isort: split
from django.db.backends.base.base import BaseDatabaseWrapper
from django.db.backends.utils import CursorWrapper

from portal.http import middleware
from usage import api
from usage.storage.spool import Spool
from usage.uploads import judge, read_file, receive, request_body

STATEMENTS = "-sql"
COMMIT = "-commit"


class _StepTimer(threading.local):
    def __init__(self) -> None:
        self.spent: Counter[str] = Counter()
        self.statements = 0
        self.steps: list[str] = []
        self.since = 0.0

    def switch(self) -> None:
        now = time.perf_counter()
        if self.steps:
            self.spent[self.steps[-1]] += now - self.since  # type: ignore[assignment]  # seconds
        self.since = now

    @contextmanager
    def step(self, name: str) -> Iterator[None]:
        self.switch()
        if name.startswith("-"):
            name = self.steps[-1].partition("-")[0] + name if self.steps else name
        self.steps.append(name)
        try:
            yield
        finally:
            self.switch()
            self.steps.pop()


_timer = _StepTimer()


def _timed(owner: Any, name: str, step: str) -> None:
    called = getattr(owner, name)

    @wraps(called)
    def timed(*args: Any, **kwargs: Any) -> Any:
        with _timer.step(step):
            return called(*args, **kwargs)

    setattr(owner, name, timed)


def _timed_chunks(called: Callable[..., Iterator[bytes]]) -> Callable[..., Any]:
    def chunks(*args: Any) -> Iterator[bytes]:
        pieces = called(*args)
        while True:
            with _timer.step("receive"):
                piece = next(pieces, b"")
            if not piece:
                return
            yield piece

    return chunks


def _timed_fsync(called: Callable[..., None]) -> Callable[..., None]:
    def fsync(number: int) -> None:
        is_folder = stat.S_ISDIR(os.fstat(number).st_mode)
        with _timer.step("fsync_folder" if is_folder else "fsync_file"):
            called(number)

    return fsync


def _counted(called: Callable[..., Any]) -> Callable[..., Any]:
    def execute(*args: Any, **kwargs: Any) -> Any:
        _timer.statements += 1
        with _timer.step(STATEMENTS):
            return called(*args, **kwargs)

    return execute


for _owner, _name, _step in (
    (middleware, "identify", "token"),
    (receive, "_spool", "hash"),
    (Spool, "__init__", "spool"),
    (Spool, "write", "spool"),
    (Spool, "__exit__", "spool"),
    (receive, "_find_kept", "look_first"),
    (Spool, "keep", "link"),
    (receive, "_keep", "tx_received"),
    (judge, "judge_file", "tx_judged"),
    (read_file, "read", "open_and_check"),
    (read_file, "summarise", "sum_up"),
    (judge, "receive_and_judge", "read_back"),
    (api, "verdict", "answer"),
    (BaseDatabaseWrapper, "_commit", COMMIT),
):
    _timed(_owner, _name, _step)
request_body.chunks = _timed_chunks(request_body.chunks)
os.fsync = _timed_fsync(os.fsync)
CursorWrapper.execute = _counted(CursorWrapper.execute)  # type: ignore[method-assign]  # to be watched


def application(
    environ: dict[str, Any], start_response: Callable[..., Any]
) -> Iterable[bytes]:
    _timer.spent.clear()
    _timer.statements = 0

    def start(status: str, headers: list[tuple[str, str]], *rest: Any) -> Any:
        _timer.switch()
        timings = [f"{name};dur={s * 1e3:.3f}" for name, s in _timer.spent.items()]
        timings.append(f"statements;dur={_timer.statements}")
        return start_response(
            status, [*headers, ("Server-Timing", ", ".join(timings))], *rest
        )

    with _timer.step("middleware"):
        return portal(environ, start)
