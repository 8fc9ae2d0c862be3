"""Limits long downloads: the threads they occupy, and the work for one person.

A person has one document typeset at a time, in all processes, because each takes
seconds (`lock_documents`). A streamed list occupies a thread of its process for as
long as the client reads it, so the number of streams is limited (`Download`).
"""

import threading
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from contextvars import ContextVar
from functools import wraps
from typing import Any, TypeVar, cast

from django.http.response import HttpResponseBase

from portal.accounts.caller import Caller
from portal.db import unit_of_work
from portal.errors import Refused, Unavailable
from portal.http.middleware import PortalRequest, render_error

BUSY = "document-busy"

# Downloads that a process streams at once, with its 64 threads, and those of a caller.
SLOTS = 16
SLOTS_OF_A_CALLER = 2

# Seconds: a PDF receipt takes up to three, and longer if others are typeset.
_RETRY_AFTER = "10"

# Reentrant: garbage collection while the lock is held may close a download.
_lock = threading.RLock()
_taken: Counter[object] = Counter()

# The downloads that the running view has begun.
_begun: ContextVar[list["Download"] | None] = ContextVar(
    "begun downloads", default=None
)

View = TypeVar("View", bound=Callable[..., HttpResponseBase])


def lock_documents(caller: Caller) -> None:
    """Lock a person's documents until this unit of work ends.

    Raises:
        Refused: another document is being typeset for this person.

    """
    if caller.user_id is not None and not unit_of_work.try_hold_person(caller.user_id):
        raise Refused(BUSY)


class Download:
    """A slot for a streamed response, and an iterator over its pieces.

    A view creates it before its work and passes the pieces to `of` at the end. The
    slot is released when the response is closed, also if the client has disconnected.

    Raises:
        Refused: the caller's slots are taken.
        Unavailable: all slots of this process are taken.

    """

    _has_slot = False

    def __init__(self, caller: Caller) -> None:
        self._key = (caller.user_id, caller.token_id)
        self._pieces: Iterator[bytes] = iter(())
        with _lock:
            if _taken[self._key] >= SLOTS_OF_A_CALLER:
                raise Refused(BUSY)
            if _taken.total() >= SLOTS:
                raise Unavailable("busy")
            _taken[self._key] += 1
            self._has_slot = True
        begun = _begun.get()
        if begun is not None:
            begun.append(self)

    def of(self, pieces: Iterable[bytes]) -> "Download":
        """Return this download, which now iterates over these pieces."""
        self._pieces = iter(pieces)
        return self

    def __iter__(self) -> Iterator[bytes]:
        return self

    def __next__(self) -> bytes:
        try:
            return next(self._pieces)
        except BaseException:
            self._release()
            raise

    def close(self) -> None:
        """Release the slot, and close the generator of the pieces."""
        self._release()
        close = getattr(self._pieces, "close", None)
        if close is not None:
            close()

    def _release(self) -> None:
        with _lock:
            if self._has_slot:
                self._has_slot = False
                _taken[self._key] -= 1
                if not _taken[self._key]:
                    del _taken[self._key]

    # A response that was never sent is not closed either.
    __del__ = _release


def with_retry_after(view: View) -> View:
    """Add `Retry-After` to a refusal that another document or download causes.

    A view that fails after it has begun a download gives its slot back at once.
    """

    @wraps(view)
    def answering(
        request: PortalRequest, *args: Any, **kwargs: Any
    ) -> HttpResponseBase:
        begun: list[Download] = []
        token = _begun.set(begun)
        try:
            return view(request, *args, **kwargs)
        except Exception as problem:
            for download in begun:
                download.close()
            if not isinstance(problem, Refused) or problem.code != BUSY:
                raise
            response = render_error(request, problem)
            response["Retry-After"] = _RETRY_AFTER
            return response
        finally:
            _begun.reset(token)

    return cast(View, answering)
