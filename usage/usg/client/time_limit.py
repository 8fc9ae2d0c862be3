"""Ends a connection after a time limit, however slowly the other side sends.

The time-out of a socket applies to each read: a server that sends a byte now and then
never exceeds it.
"""

import socket
import threading
import time
from contextlib import suppress


class TimeLimit:
    """A time limit in seconds, which shuts down the one connection that it watches."""

    def __init__(self, seconds: float) -> None:
        self._ends_at = time.monotonic() + seconds
        self._wire: socket.socket | None = None
        self._timer = threading.Timer(seconds, self._end)
        self._timer.daemon = True
        self._timer.start()

    @property
    def is_over(self) -> bool:
        """Whether the time is over, also if a time-out of `left` ended the wait."""
        return time.monotonic() >= self._ends_at

    @property
    def left(self) -> float:
        """The seconds that are left, at least 0.05: a time-out of 0 never waits."""
        return max(0.05, self._ends_at - time.monotonic())

    def watch(self, wire: socket.socket) -> None:
        """Watch this connection from now on, and close the one watched before.

        Closing a socket that `wrap_socket` has taken over has no effect.
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
        if self._wire is not None:
            # `SSLSocket.shutdown` would remove TLS state that another thread uses.
            with suppress(OSError):
                socket.socket.shutdown(self._wire, socket.SHUT_RDWR)
