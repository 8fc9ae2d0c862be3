"""A gunicorn worker that stalled clients cannot exhaust.

gunicorn's own threaded worker gives a thread to every connection that opens, for
five seconds if it says nothing and without any limit if it sends half a header.
Some dozens of such clients leave a site that answers nobody. Here the head of a
request is collected by the worker's event loop, which costs a stalled client its
socket and no thread; a thread is given once the head is complete. From then on
every read and write has a timeout. (docs/decisions/0021)
"""

import errno
import math
import os
import socket
import time
from functools import partial
from operator import attrgetter
from selectors import EVENT_READ
from typing import Any

from gunicorn.http.errors import InvalidHeader, UnsupportedTransferCoding
from gunicorn.workers.gthread import TConn, ThreadWorker

# Ample for a person's browser on a bad line; a stalled one is gone after it.
HEAD_TIMEOUT = 10.0

# When the server is ending: time for a request that is just being sent.
LINGER = 0.5

# Request line and headers together. The longest file name that a usage directory
# can hold makes some 60 KiB when every letter of it is percent-encoded: it is to
# be refused by the application, with a reason, rather than here.
LONGEST_HEAD = 128 * 1024

HEAD_ENDS = b"\r\n\r\n"

# Between two reads of a body, unless the application sets another timeout.
READ_TIMEOUT = float(os.environ.get("BODY_TIMEOUT") or 20)

# For a whole request to be read. A body may take ten minutes: 64 MB over a line of
# one megabit a second.
REQUEST_TIMEOUT = 600.0

# What is sent in one go: with the timeout, the slowest client that is still served
# takes some 13 KB a second.
PIECE = 256 * 1024

TOO_LARGE = (
    b"HTTP/1.1 431 Request Header Fields Too Large\r\n"
    b"Connection: close\r\nContent-Length: 0\r\n\r\n"
)

# What `accept` may answer in the course of things: somebody else was faster, or
# the client has gone.
NOTHING_TO_ACCEPT = (errno.EAGAIN, errno.ECONNABORTED, errno.EWOULDBLOCK)


class PatientSocket(socket.socket):
    """A socket whose timeout bounds each piece that is sent, not the whole.

    Reading ends at `deadline`, however little comes however often: every byte would
    renew the timeout, and a client that sends one now and then keep its thread.
    """

    deadline = math.inf

    # When the head of the request was complete, in seconds since 1970: before it had
    # to wait for a thread (portal.http.request_time).
    request_at = 0.0

    def recv(self, size: int, flags: int = 0) -> bytes:
        """Read what is there; fail when the request has taken too long."""
        if time.monotonic() > self.deadline:
            message = "the request has taken too long"
            raise TimeoutError(message)
        return super().recv(size, flags)

    def sendall(self, data: Any, flags: int = 0) -> None:
        """Send everything; fail when the client takes nothing for too long."""
        view = memoryview(data)
        for start in range(0, len(view), PIECE):
            super().sendall(view[start : start + PIECE], flags)


class Connection(TConn):  # type: ignore[misc]  # gunicorn has no types
    """A connection that remembers what has arrived of a request's head."""

    def __init__(self, *args: Any) -> None:
        super().__init__(*args)
        self.head = bytearray()
        self.is_closed = False

    def collect(self) -> bool:
        """Take in what has arrived; True once there is something to work on."""
        try:
            data = self.sock.recv(LONGEST_HEAD)
        except BlockingIOError:
            return False
        except OSError:
            data = b""
        # The end may straddle two reads.
        since = max(len(self.head) - len(HEAD_ENDS), 0)
        self.head += data
        return not data or HEAD_ENDS in self.head[since:] or self.is_too_large

    @property
    def is_too_large(self) -> bool:
        """Say whether the head is longer than any that is served."""
        end = self.head.find(HEAD_ENDS)
        return (len(self.head) if end < 0 else end) > LONGEST_HEAD

    def init(self) -> None:
        """Hand on what was collected, as if it came from the socket just now."""
        super().init()
        self.sock.settimeout(READ_TIMEOUT)
        self.data_ready = False
        self.parser.unreader.unread(bytes(self.head))
        self.head.clear()

    def close(self, graceful: bool = False) -> None:  # noqa: FBT001, FBT002 - theirs
        """Close once: our thread has usually done it before the event loop does."""
        if not self.is_closed:
            self.is_closed = True
            super().close(graceful)


class Worker(ThreadWorker):  # type: ignore[misc]  # gunicorn has no types
    """The threaded worker, with threads for complete requests only."""

    def accept(self, listener: socket.socket) -> bool:
        """Take a connection, and wait for its first request; False if there is none."""
        try:
            accepted, address = listener.accept()
        except OSError as error:
            if error.errno in NOTHING_TO_ACCEPT:
                return False
            raise
        client = PatientSocket(fileno=accepted.detach())
        self.nr_conns += 1
        self.await_head(Connection(self.cfg, client, address, listener.getsockname()))
        return True

    def await_head(self, conn: Connection) -> None:
        """Let the event loop collect the head of the next request."""
        conn.sock.settimeout(0)
        conn.sock.deadline = math.inf
        patience = HEAD_TIMEOUT if self.alive else LINGER
        conn.timeout = time.monotonic() + patience
        self.pending_conns.append(conn)
        read = partial(self.on_pending_socket_readable, conn)
        self.poller.register(conn.sock, EVENT_READ, read)

    def on_client_socket_readable(self, conn: Connection, client: Any) -> None:
        """Begin the next request on a connection that was kept."""
        self.poller.unregister(client)
        self.keepalived_conns.remove(conn)
        self.await_head(conn)

    def on_pending_socket_readable(self, conn: Connection, client: Any) -> None:
        """Collect, and give the request to a thread once its head is complete."""
        if not conn.collect():
            return
        self.poller.unregister(client)
        self.pending_conns.remove(conn)
        conn.data_ready = True
        conn.sock.request_at = time.time()
        self.enqueue_req(conn)

    def enqueue_req(self, conn: Connection) -> None:
        """Give a request to a thread; a half one that was read ahead has to wait."""
        if not conn.data_ready:
            conn.head += conn.parser.unreader.take_buffered()
            if HEAD_ENDS not in conn.head:
                self.await_head(conn)
                return
        super().enqueue_req(conn)

    def handle(self, conn: Connection) -> Any:
        """Serve one request, in a thread.

        Closing belongs to it: a client that does not close its side holds that up
        for two seconds, during which the event loop could serve nobody.
        """
        if conn.is_too_large:
            conn.sock.settimeout(READ_TIMEOUT)
            conn.sock.sendall(TOO_LARGE)
            conn.close(graceful=True)
            return False
        conn.sock.deadline = time.monotonic() + REQUEST_TIMEOUT
        keep = super().handle(conn)
        if not keep:
            conn.close(graceful=True)
        return keep

    def _cap_keepalive(self, deadline: float) -> None:
        """Begin to end, as TERM asks: who is being served is served to the end.

        New connections are refused at once, those that wait to be accepted are taken
        first; and a client that says nothing holds nobody up.
        """
        for listener in self.sockets:
            listener.settimeout(0)
            while self.nr_conns < self.worker_connections and self.accept(listener):
                continue
            listener.close()
        soon = time.monotonic() + LINGER
        super()._cap_keepalive(min(soon, deadline))
        for conn in self.pending_conns:
            if not conn.head:
                conn.timeout = min(conn.timeout, soon)

    def murder_pending(self) -> None:
        """Close connections whose request does not come, the next to end first."""
        if not self.alive:
            in_order = sorted(self.pending_conns, key=attrgetter("timeout"))
            self.pending_conns.clear()
            self.pending_conns.extend(in_order)
        super().murder_pending()

    def handle_quit(self, *_: Any) -> None:
        """End at once, as QUIT asks.

        gunicorn shuts the thread pool down from here, which waits for a lock; the
        code that the signal interrupted may hold it, and then nothing ever ends.
        """
        os._exit(0)

    def handle_error(self, req: Any, client: Any, addr: Any, exc: Any) -> None:
        """Answer what cannot be understood; an unknown coding is their mistake."""
        if isinstance(exc, UnsupportedTransferCoding):
            exc = InvalidHeader("Transfer-Encoding")
        super().handle_error(req, client, addr, exc)
