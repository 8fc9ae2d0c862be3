"""A client's socket with bounds: on how long it sends, and on how slowly it reads.

A thread never waits for a client that takes its response slowly while the rest of the
response is small: the rest is kept, and the event loop sends it once the thread has
gone (`web_worker`). Files are kept by descriptor, and cost no memory.
"""

import errno
import math
import os
import select
import socket
import threading
import time
from collections import deque
from typing import IO, Any

# Seconds between two reads of a body, unless the application sets another timeout.
# A body that arrives too slowly (`LEAST_RECEIVED`) gets these seconds to begin with.
READ_TIMEOUT = float(os.environ.get("BODY_TIMEOUT") or 20)

# Seconds for a whole request to be read. A body may take ten minutes: 64 MB over a
# line of one megabit a second.
REQUEST_TIMEOUT = 600.0

# Bytes a second, on average, that a thread waits for: a tenth of a poor mobile line,
# and more than a client sends that only wants to hold a thread.
LEAST_RECEIVED = 1024

# Bytes a second, on average, that a client takes of a response once it falls behind,
# beyond its first `READ_TIMEOUT` seconds. Slower ones are disconnected.
LEAST_TAKEN = 13 * 1024

# Bytes of a response that are kept for a slow client. No response to somebody who has
# not signed in is longer, files apart; for longer ones a thread waits.
MOST_UNSENT = 1024 * 1024

# Bytes that are sent in one turn of the event loop.
PIECE = 256 * 1024

# A client that makes a thread wait for longer than these seconds at a time is slow: its
# line has less than about 256 kbit/s, as the system asks for 64 KiB at a time.
QUICK = 2.0

CONTINUE = b"HTTP/1.1 100 Continue\r\n\r\n"


class FilePart:
    """The part of a file that has not been sent yet."""

    def __init__(self, file: IO[bytes], offset: int, length: int) -> None:
        # The response closes its file before all of it is sent.
        self.descriptor = os.dup(file.fileno())
        self.offset = offset
        self.left = length

    def send(self, client: socket.socket, most: int) -> int:
        """Send at most so many bytes; return how many were taken."""
        length = min(self.left, most)
        sent = os.sendfile(client.fileno(), self.descriptor, self.offset, length)
        if not sent:
            message = "a file became shorter while it was sent"
            raise BrokenPipeError(errno.EPIPE, message)
        self.offset += sent
        self.left -= sent
        return sent

    def close(self) -> None:
        os.close(self.descriptor)


class PatientSocket(socket.socket):
    """A socket that is never blocking, and that keeps what a slow client does not take.

    `slow_readers` holds a permit for each thread that may wait for a slow client.
    """

    def __init__(self, fileno: int, slow_readers: threading.Semaphore) -> None:
        super().__init__(fileno=fileno)
        self._slow_readers = slow_readers
        # When the head of the request was complete, in seconds since 1970: before the
        # request waited for its body or for a thread (portal.http.request_time).
        self.request_at = 0.0
        # Whether the client waits for "100 Continue" before it sends a body.
        self.owes_continue = False
        self._read_since, self._received = 0.0, 0
        self._deadline = math.inf
        self.unsent: deque[memoryview | FilePart] = deque()
        # Of the unsent parts, files excepted.
        self.unsent_bytes = 0
        self._behind_since, self._taken = 0.0, 0

    def setblocking(self, flag: bool) -> None:  # noqa: FBT001 - as in the base class
        """Give the socket a timeout where gunicorn asks for no limit at all."""
        self.settimeout(READ_TIMEOUT if flag else 0)

    def begin_reading(self, *, owes_continue: bool) -> None:
        """Start the clock of the request that a thread is about to read."""
        self._read_since, self._received = 0.0, 0
        self._deadline = time.monotonic() + REQUEST_TIMEOUT
        self.owes_continue = owes_continue

    def recv(self, size: int, flags: int = 0) -> bytes:
        """Read, in a thread.

        Raises:
            TimeoutError: nothing was received for too long, or too little a second, or
                the request takes too long.

        """
        if self.owes_continue:
            # Only now: a client that is refused need not send its body at all.
            self.owes_continue = False
            self.sendall(CONTINUE)
        # The time that the application takes before it reads is not the client's.
        self._read_since = self._read_since or time.monotonic()
        slowest = self._read_since + READ_TIMEOUT + self._received / LEAST_RECEIVED
        left = min(slowest, self._deadline) - time.monotonic()
        if left <= 0:
            message = "the request has taken too long"
            raise TimeoutError(message)
        self.settimeout(min(left, READ_TIMEOUT))
        data = super().recv(size, flags)
        self._received += len(data)
        return data

    def receive_now(self, size: int) -> bytes | None:
        """Read what has arrived, in the event loop: None if nothing, b"" at the end."""
        try:
            return super().recv(size)
        except BlockingIOError:
            return None
        except OSError:
            return b""

    def send(self, data: Any, flags: int = 0) -> int:
        """Send or keep everything."""
        self.sendall(data, flags)
        return len(data)

    def sendall(self, data: Any, flags: int = 0) -> None:  # noqa: ARG002 - as in the base class
        """Send, and keep what the client does not take; wait only if that is too much.

        Raises:
            BrokenPipeError: the client is too slow.

        """
        view = memoryview(data)
        if not self.unsent:
            try:
                sent = os.write(self.fileno(), view)
            except BlockingIOError:
                sent = 0
            if sent == len(view):
                return
            view = view[sent:]
        self._keep(memoryview(bytes(view)))
        self.unsent_bytes += len(view)
        if self.unsent_bytes > MOST_UNSENT:
            self._await_reader()

    def sendfile(self, file: Any, offset: int = 0, count: int | None = None) -> int:
        """Send what the client takes of a file, and keep the rest by descriptor."""
        length = (
            count if count is not None else os.fstat(file.fileno()).st_size - offset
        )
        self._keep(FilePart(file, offset, length))
        self.push(self.unsent_bytes + length)
        return length

    def _keep(self, part: memoryview | FilePart) -> None:
        if not self.unsent:
            self._behind_since, self._taken = time.monotonic(), 0
        self.unsent.append(part)

    @property
    def unsent_until(self) -> float:
        """When, on the monotonic clock, the client has been too slow for too long."""
        return self._behind_since + READ_TIMEOUT + self._taken / LEAST_TAKEN

    def push(self, most: int = PIECE) -> int:
        """Send of what was kept, without waiting; return how many bytes were taken."""
        taken = 0
        try:
            while self.unsent and taken < most:
                taken += self._push_first(most - taken)
        except BlockingIOError:
            pass
        self._taken += taken
        return taken

    def _push_first(self, most: int) -> int:
        part = self.unsent[0]
        if isinstance(part, FilePart):
            sent = part.send(self, most) if part.left else 0
            if not part.left:
                self.unsent.popleft()
                part.close()
            return sent
        sent = os.write(self.fileno(), part[:most])
        self.unsent_bytes -= sent
        if sent == len(part):
            self.unsent.popleft()
        else:
            self.unsent[0] = part[sent:]
        return sent

    def _await_reader(self) -> None:
        """Wait in a thread until the client has taken enough of a long response."""
        poller = select.poll()
        poller.register(self, select.POLLOUT)
        is_slow = False
        try:
            while self.unsent_bytes > MOST_UNSENT:
                left = self.unsent_until - time.monotonic()
                if left > 0 and poller.poll(1000 * min(left, QUICK)):
                    self.push()
                    continue
                if not is_slow:
                    is_slow = self._slow_readers.acquire(blocking=False)
                if left <= 0 or not is_slow:
                    # Nobody sends the rest, which has no end.
                    self.shutdown(socket.SHUT_RDWR)
                    message = "the client takes too little of its response"
                    raise BrokenPipeError(errno.EPIPE, message)
        finally:
            if is_slow:
                self._slow_readers.release()

    def close(self) -> None:
        """Close, and with it the files that were not sent to the end."""
        super().close()
        while self.unsent:
            part = self.unsent.popleft()
            if isinstance(part, FilePart):
                part.close()
