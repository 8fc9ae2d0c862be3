"""Bounds what long downloads hold: threads, and the work for one person.

A document that takes seconds is made for a person once at a time, in whichever process
(`hold_turn`). A list that is streamed holds a thread of its process for as long as the
client reads it, so a caller may read two at once, and all callers a few (`Download`).
"""

import threading
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from functools import wraps
from typing import Any, TypeVar, cast

from django.http.response import HttpResponseBase

from portal.accounts.caller import Caller
from portal.db import unit_of_work
from portal.errors import Refused, Unavailable
from portal.http.middleware import PortalRequest, render_error

BUSY = "document-busy"

# Downloads that one process streams at once, of its 64 threads, and for one caller.
PLACES = 16
PLACES_OF_A_CALLER = 2

# Seconds: a receipt as PDF takes two, and some more if others are made.
_RETRY_AFTER = "10"

# Collecting garbage while it is held may close a download.
_lock = threading.RLock()
_taken: Counter[object] = Counter()

View = TypeVar("View", bound=Callable[..., HttpResponseBase])


def hold_turn(caller: Caller) -> None:
    """Let no other document be made for a person until this unit of work ends.

    Raises:
        Refused: one is being made already.

    """
    if caller.user_id is not None and not unit_of_work.try_hold_person(caller.user_id):
        raise Refused(BUSY)


class Download:
    """The place of a download, then its pieces, for a streamed response.

    A view takes it before its work, and gives it the pieces in the end. It has its
    place until it is closed: with the response, also if the client has gone.

    Raises:
        Refused: the caller reads as many as are allowed.
        Unavailable: all places of this process are taken.

    """

    _has_place = False

    def __init__(self, caller: Caller) -> None:
        self._key = (caller.user_id, caller.token_id)
        self._pieces: Iterator[bytes] = iter(())
        with _lock:
            if _taken[self._key] >= PLACES_OF_A_CALLER:
                raise Refused(BUSY)
            if _taken.total() >= PLACES:
                raise Unavailable("busy")
            _taken[self._key] += 1
            self._has_place = True

    def of(self, pieces: Iterable[bytes]) -> "Download":
        """Return this download, of these pieces."""
        self._pieces = iter(pieces)
        return self

    def __iter__(self) -> Iterator[bytes]:
        return self

    def __next__(self) -> bytes:
        try:
            return next(self._pieces)
        except BaseException:
            self._leave()
            raise

    def close(self) -> None:
        """Give the place back, and end what makes the pieces."""
        self._leave()
        close = getattr(self._pieces, "close", None)
        if close is not None:
            close()

    def _leave(self) -> None:
        with _lock:
            if self._has_place:
                self._has_place = False
                _taken[self._key] -= 1
                if not _taken[self._key]:
                    del _taken[self._key]

    # A response that was never sent is not closed either.
    __del__ = _leave


def says_when_to_retry(view: View) -> View:
    """Answer a refusal because of another download with `Retry-After`."""

    @wraps(view)
    def answering(
        request: PortalRequest, *args: Any, **kwargs: Any
    ) -> HttpResponseBase:
        try:
            return view(request, *args, **kwargs)
        except Refused as problem:
            if problem.code != BUSY:
                raise
            response = render_error(request, problem)
            response["Retry-After"] = _RETRY_AFTER
            return response

    return cast(View, answering)
