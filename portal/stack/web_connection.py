"""A connection that collects a request's head, and its body if that is short.

The head is read twice: here, to decide when the request gets a thread, and by gunicorn,
which alone decides what the request is and where it ends. If the two ever disagree
about the length of the body, the request is refused.
"""

import math
import re
import time
from collections import OrderedDict
from collections.abc import Iterator
from typing import Any

from gunicorn.http.body import LengthReader
from gunicorn.http.errors import InvalidHeader
from gunicorn.http.message import Request
from gunicorn.workers.gthread import TConn

from portal.stack.web_socket import PatientSocket

# Request line and headers together. The longest file name that a usage directory
# can hold makes some 60 KiB when every letter of it is percent-encoded: it is to
# be refused by the application, with a reason, rather than here.
LONGEST_HEAD = 128 * 1024

HEAD_ENDS = b"\r\n\r\n"

# Bytes of a body that is collected before the request gets a thread: every form
# without files, and most usage files.
SMALL_BODY = 64 * 1024

# Bytes that are read at a time.
_READ = 64 * 1024

_FIELDS = re.compile(
    rb"\r\n(content-length|transfer-encoding|expect):[ \t]*([^\r\n]*)", re.IGNORECASE
)


def body_length(fields: list[tuple[bytes, bytes]]) -> float:
    """Return the length of a body as gunicorn reads it: infinite if it is in chunks.

    What gunicorn refuses has the length 0: it needs no wait.
    """
    lengths = [value for name, value in fields if name == b"content-length"]
    if any(name == b"transfer-encoding" for name, _ in fields):
        return 0 if lengths else math.inf
    if len(lengths) != 1 or not lengths[0].isdigit():
        return 0
    try:
        return int(lengths[0])
    except ValueError:  # more digits than Python converts
        return 0


class PatientRequest(Request):  # type: ignore[misc]  # gunicorn has no types
    """A request after which the connection ends, unless its body was read.

    Otherwise the rest of the body would have to be read, to find the next request.
    """

    def has_unread_body(self) -> bool:
        """Return whether some of the body is still to be read from the socket."""
        reader = self.body.reader
        if isinstance(reader, LengthReader):
            if not reader.length:
                return False
            return bool(reader.length > self.unreader.buf.getbuffer().nbytes)
        return reader.parser is not None

    def should_close(self) -> bool:
        return super().should_close() or self.has_unread_body()


class Connection(TConn):  # type: ignore[misc]  # gunicorn has no types
    """A connection, and what has arrived of its next request."""

    sock: PatientSocket

    def __init__(self, *args: Any) -> None:
        super().__init__(*args)
        self.received = bytearray()
        self.is_closed = False
        # Where the connection waits in the event loop, and since when.
        self.waits_in: Waiting | None = None
        self.since = 0.0
        # Counted by the worker: it is one of the threads that read long bodies, these
        # bytes are kept for the client, these were thrown away after the response.
        self.reads_body = False
        self.unsent, self.drained = 0, 0
        # Whether the connection serves another request after this one.
        self.is_kept = False
        self._begin_head()

    def _begin_head(self) -> None:
        self.has_head = self.is_too_large = self.has_ended = False
        self.expects_continue = False
        self.body_length: float = 0
        self._searched, self._whole = 0, 0.0

    @property
    def is_long(self) -> bool:
        """Return whether a thread has to read the body from the socket."""
        return self.body_length > SMALL_BODY

    def collect(self) -> bool:
        """Take in what has arrived; return whether the wait for the request is over."""
        wanted = int(self._whole) - len(self.received) if self.has_head else _READ
        data = self.sock.receive_now(wanted)
        if data is None:
            return False
        self.received += data
        self.has_ended = not data
        return self.has_ended or self.is_ready()

    def is_ready(self) -> bool:
        """Look for a request in what was received: head, and body unless it is long."""
        if not self.has_head:
            end = self.received.find(HEAD_ENDS, self._searched)
            self.is_too_large = max(end, len(self.received) * (end < 0)) > LONGEST_HEAD
            if end < 0 or self.is_too_large:
                # The end may straddle two reads.
                self._searched = max(len(self.received) - len(HEAD_ENDS) + 1, 0)
                return self.is_too_large
            self._read_head(end)
        return self.is_long or len(self.received) >= self._whole

    def _read_head(self, end: int) -> None:
        self.has_head = True
        self.sock.request_at = time.time()
        fields = [
            (name.lower(), value.rstrip(b" \t"))
            for name, value in _FIELDS.findall(self.received, 0, end)
        ]
        if fields:
            self.body_length = body_length(fields)
            self.expects_continue = (
                any(
                    name == b"expect" and value.lower() == b"100-continue"
                    for name, value in fields
                )
                and self.received.find(b" HTTP/1.1\r\n", 0, end + 2) > 0
            )
        self._whole = end + len(HEAD_ENDS) + self.body_length

    def init(self) -> None:
        """Hand on what was collected, as if it was received just now."""
        super().init()
        self.parser.mesg_class = PatientRequest
        self.parser.unreader.unread(bytes(self.received))
        self.received.clear()
        self.expected_length, owes = self.body_length, self.expects_continue
        is_long = self.is_long
        self._begin_head()
        # Of a short body, the event loop has told the client to send it.
        self.sock.begin_reading(owes_continue=owes and is_long)

    def begin(self, req: Any) -> None:
        """Prepare a request that gunicorn has read.

        Raises:
            InvalidHeader: its body is not the one that was waited for.

        """
        reader = req.body.reader
        length = reader.length if isinstance(reader, LengthReader) else math.inf
        if length != self.expected_length:
            raise InvalidHeader("CONTENT-LENGTH", req=req)
        # The socket does this, once the body is read (`PatientSocket.recv`).
        req._expected_100_continue = False
        # A range of a file would be copied through memory; a server may ignore ranges.
        req.headers = [field for field in req.headers if field[0] != "RANGE"]

    def take_read_ahead(self) -> None:
        """Take back what gunicorn has received beyond the end of the request."""
        self.received += self.parser.unreader.take_buffered()

    def close(self, graceful: bool = False) -> None:  # noqa: FBT001, FBT002, ARG002 - theirs
        """Close at once, and only once."""
        if not self.is_closed:
            self.is_closed = True
            super().close()


class Waiting:
    """Connections that wait for the same thing, the one that waits longest first.

    It is what gunicorn uses of a deque, but finds any connection at once.
    """

    def __init__(self) -> None:
        self._connections: OrderedDict[Connection, None] = OrderedDict()

    def append(self, conn: Connection) -> None:
        self._connections[conn] = None

    def remove(self, conn: Connection) -> None:
        del self._connections[conn]

    def popleft(self) -> Connection:
        return self._connections.popitem(last=False)[0]

    def move_to_end(self, conn: Connection) -> None:
        self._connections.move_to_end(conn)

    def __getitem__(self, index: int) -> Connection:
        """Return the first one; there is no other index."""
        return next(iter(self._connections))

    def __iter__(self) -> Iterator[Connection]:
        return iter(self._connections)

    def __len__(self) -> int:
        return len(self._connections)

    def overdue(self, now: float) -> list[Connection]:
        """Return those whose time is up."""
        return [conn for conn in self._connections if conn.timeout <= now]
