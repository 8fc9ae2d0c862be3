"""Ends a conversation on a socket after a time, however slow the other side is.

The time-out of a socket is for each byte: a server that sends one byte again and again
is never too slow for it.
"""

import socket
import threading
import time
from contextlib import suppress


class TimeLimit:
    """A time in seconds, and the connection that it ends; one at a time is watched."""

    def __init__(self, seconds: float) -> None:
        self._ends_at = time.monotonic() + seconds
        self._wire: socket.socket | None = None
        self._timer = threading.Timer(seconds, self._end)
        self._timer.daemon = True
        self._timer.start()
        self.is_over = False

    @property
    def left(self) -> float:
        """The seconds that are left; a little more than none, for time-outs."""
        return max(0.05, self._ends_at - time.monotonic())

    def watch(self, wire: socket.socket) -> None:
        """Watch a connection from now on, in place of the one before, which is closed.

        A socket that has become one of TLS has nothing left to close.
        """
        if self._wire is not None and self._wire is not wire:
            self._wire.close()
        self._wire = wire
        if self.is_over:
            self._end()

    def close(self) -> None:
        """End the limit, and close the connection."""
        self._timer.cancel()
        if self._wire is not None:
            self._wire.close()

    def _end(self) -> None:
        self.is_over = True
        if self._wire is not None:
            with suppress(OSError):
                self._wire.shutdown(socket.SHUT_RDWR)
