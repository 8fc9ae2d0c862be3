"""A gunicorn worker that stalled clients cannot exhaust.

gunicorn's own threaded worker gives a thread to every connection that opens, for
five seconds if it says nothing and without any limit if it sends half a header.
Some dozens of such clients leave a site that answers nobody. Here a thread is given
once the request is complete, but for a long body, and taken back as soon as the
response is written; the event loop waits for clients, at the cost of a socket each. If
there are too many, the one that has waited longest is disconnected.
(docs/decisions/0021)
"""

import errno
import os
import socket
import time
from functools import partial
from selectors import EVENT_READ, EVENT_WRITE
from typing import Any

from gunicorn.http.errors import InvalidHeader, UnsupportedTransferCoding
from gunicorn.workers.gthread import STOP_KEEPALIVE_LINGER

from portal.stack.web_answers import BODY_STALLED, BUSY, HEAD_TOO_LARGE
from portal.stack.web_connection import Connection
from portal.stack.web_socket import CONTINUE, READ_TIMEOUT, PatientSocket
from portal.stack.web_waiting import MOST_COLLECTED, MOST_UNSENT_IN_ALL, WaitingWorker

# Seconds for the head of a request, and as many again for a short body. Ample for a
# person's browser on a bad line; a stalled one is gone after it.
HEAD_TIMEOUT = 10.0
SMALL_BODY_TIMEOUT = min(HEAD_TIMEOUT, READ_TIMEOUT)

# Seconds that a request with a long body waits for one of the threads that read such,
# and the share of the connections that may wait so.
QUEUE_TIMEOUT = 30.0
QUEUE_SHARE = 2

# After a response: seconds and bytes for a client that is still sending. Closing at
# once would reset the connection, and the client might lose the response.
CLOSE_TIMEOUT = 2.0
MOST_DRAINED = 1024 * 1024

# When the server is ending: time for a request that is just being sent.
LINGER = 0.5

# Bytes of a response that the system may hold for a client, beyond those on their way.
# It asks for more once half of them are left.
MOST_IN_SYSTEM = 128 * 1024

# Seconds between two looks for connections whose time is up.
LOOK_EVERY = 0.5

# What `accept` may answer in the course of things: somebody else was faster, or
# the client has gone.
NOTHING_TO_ACCEPT = (errno.EAGAIN, errno.ECONNABORTED, errno.EWOULDBLOCK)


class Worker(WaitingWorker):
    """The threaded worker, with threads for complete requests only."""

    # Waiting in the event loop

    def accept(self, listener: socket.socket) -> bool:
        """Take a connection, and wait for its first request; False if there is none."""
        try:
            accepted, address = listener.accept()
        except OSError as error:
            if error.errno in NOTHING_TO_ACCEPT:
                return False
            raise
        client = PatientSocket(accepted.detach(), self.slow_readers)
        client.setsockopt(socket.IPPROTO_TCP, socket.TCP_NOTSENT_LOWAT, MOST_IN_SYSTEM)
        self.nr_conns += 1
        conn = Connection(self.cfg, client, address, listener.getsockname())
        self.await_request(conn)
        self.make_room()
        return True

    def await_request(self, conn: Connection) -> None:
        """Let the event loop collect the next request, or what is missing of it."""
        self.wait(conn, self.pending_conns, HEAD_TIMEOUT if self.alive else LINGER)
        self.poller.register(
            conn.sock, EVENT_READ, partial(self.on_request_readable, conn)
        )
        self.collected += len(conn.received)

    def murder_pending(self) -> None:
        """End the connections whose time is up, and make room."""
        self.make_room()
        now = time.monotonic()
        if self.alive and now < self.next_look:
            return
        self.next_look = now + LOOK_EVERY
        for conn in self.pending_conns.overdue(now):
            if conn.has_head:
                self.refuse(conn, BODY_STALLED)
            else:
                self.end(conn)
        for conn in self.queued_conns.overdue(now):
            self.refuse(conn, BUSY)
        for queue in (self.sending_conns, self.closing_conns):
            for conn in queue.overdue(now):
                self.end(conn)

    # From a request to its thread

    def on_request_readable(self, conn: Connection, _client: Any) -> None:
        """Collect, and give the request to a thread once it is complete."""
        if conn.is_closed:  # to make room, in this turn of the event loop
            return
        if conn.waits_in is self.keepalived_conns:
            self.wait(conn, self.pending_conns, HEAD_TIMEOUT if self.alive else LINGER)
        had_head, before = conn.has_head, len(conn.received)
        is_ready = conn.collect()
        self.collected += len(conn.received) - before
        if is_ready:
            self.stop_waiting(conn)
            self.dispatch(conn)
        elif conn.has_head and not had_head:
            self.await_body(conn)
        while self.collected > MOST_COLLECTED and self.pending_conns:
            self.end(self.pending_conns[0])

    def await_body(self, conn: Connection) -> None:
        """Give a short body its time; a client may have asked whether to send it."""
        self.wait(conn, self.pending_conns, SMALL_BODY_TIMEOUT)
        if conn.expects_continue:
            self.send(conn, CONTINUE)

    def dispatch(self, conn: Connection) -> None:
        """Give a request to a thread, or have a long body wait for one."""
        if conn.is_too_large:
            self.refuse(conn, HEAD_TOO_LARGE)
        elif not conn.has_head:  # the client has gone
            self.end(conn)
        elif not conn.is_long:
            self.start(conn)
        elif self.body_threads < self.most_body_threads:
            self.start_long(conn)
        elif (
            len(self.queued_conns) < self.worker_connections // QUEUE_SHARE
            and self.collected < MOST_COLLECTED
        ):
            self.wait(conn, self.queued_conns, QUEUE_TIMEOUT)
            self.collected += len(conn.received)
        else:
            self.refuse(conn, BUSY)

    def start_long(self, conn: Connection) -> None:
        conn.reads_body = True
        self.body_threads += 1
        self.start(conn)

    def start(self, conn: Connection) -> None:
        conn.data_ready = True
        super().enqueue_req(conn)

    def handle_request(self, req: Any, conn: Connection) -> Any:
        """Serve a request, in a thread."""
        conn.begin(req)
        return super().handle_request(req, conn)

    def _keepalive_after(self, conn: Connection, keepalive: bool) -> bool:  # noqa: FBT001 - theirs
        """Keep the connection if nothing of the body is left on it.

        What was collected and not read is dropped. Nothing is read from the socket: a
        client that is refused could otherwise hold the thread by sending slowly.
        """
        if not keepalive or conn.parser.mesg.has_unread_body():
            return False
        return bool(conn.parser.finish_body())

    # After the response

    def finish_request(self, conn: Connection, future: Any) -> None:
        """Send the rest of the response; then wait for the next request, or close."""
        if conn.reads_body:
            conn.reads_body = False
            self.body_threads -= 1
            while self.queued_conns and self.body_threads < self.most_body_threads:
                following = self.queued_conns[0]
                self.stop_waiting(following)
                self.start_long(following)
        try:
            conn.is_kept = bool(future.result())
            conn.sock.settimeout(0)
        except Exception:  # noqa: BLE001 - whatever it was, it was logged in the thread
            self.end(conn)
            return
        self.send_rest(conn)

    def refuse(self, conn: Connection, answer: bytes) -> None:
        """Send a response from the event loop, and close."""
        self.stop_waiting(conn)
        conn.is_kept = False
        if self.send(conn, answer):
            self.send_rest(conn)

    def send_rest(self, conn: Connection) -> None:
        """Send what the client takes of a response, which may have to wait for more."""
        try:
            if conn.sock.unsent:
                conn.sock.push()
        except OSError:
            self.end(conn)
            return
        if not conn.sock.unsent:
            self.stop_waiting(conn)
            self.follow(conn)
            return
        if conn.waits_in is None:
            self.poller.register(
                conn.sock, EVENT_WRITE, partial(self.on_response_writable, conn)
            )
        now = time.monotonic()
        self.wait(conn, self.sending_conns, conn.sock.unsent_until - now)
        self.unsent += conn.sock.unsent_bytes - conn.unsent
        conn.unsent = conn.sock.unsent_bytes
        while self.unsent > MOST_UNSENT_IN_ALL and self.sending_conns:
            self.end(self.sending_conns[0])

    def on_response_writable(self, conn: Connection, _client: Any) -> None:
        if not conn.is_closed:
            self.send_rest(conn)

    def follow(self, conn: Connection) -> None:
        """Wait for the next request, or for the client to close its side."""
        if not conn.is_kept:
            self.close_gently(conn)
            return
        conn.take_read_ahead()
        if not conn.received:
            patience = self.cfg.keepalive if self.alive else STOP_KEEPALIVE_LINGER
            self.wait(conn, self.keepalived_conns, patience)
            self.poller.register(
                conn.sock, EVENT_READ, partial(self.on_request_readable, conn)
            )
        elif conn.is_ready():
            self.dispatch(conn)
        else:
            self.await_request(conn)
            if conn.has_head:
                self.await_body(conn)

    def close_gently(self, conn: Connection) -> None:
        """Close, once the client has: what it still sends is thrown away, in bounds."""
        try:
            conn.sock.shutdown(socket.SHUT_WR)
        except OSError:
            self.end(conn)
            return
        patience = CLOSE_TIMEOUT if self.alive else LINGER
        self.wait(conn, self.closing_conns, patience)
        self.poller.register(
            conn.sock, EVENT_READ, partial(self.on_closing_readable, conn)
        )

    def on_closing_readable(self, conn: Connection, _client: Any) -> None:
        if conn.is_closed:
            return
        data = conn.sock.receive_now(64 * 1024)
        conn.drained += len(data or b"")
        if data == b"" or conn.drained > MOST_DRAINED:
            self.end(conn)

    # Ending

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
        silent = [conn for conn in self.pending_conns if not conn.received]
        for conn in (*silent, *self.closing_conns):
            conn.timeout = min(conn.timeout, soon)

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
