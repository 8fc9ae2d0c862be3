"""The connections that an event loop waits for, bounded in number, bytes and time."""

import threading
import time
from operator import attrgetter
from typing import Any

from gunicorn.workers.gthread import ThreadWorker

from portal.stack.web_connection import Connection, Waiting

# One of so many threads may read long bodies, or wait for slow readers of long
# responses.
BODY_SHARE, SLOW_READER_SHARE = 2, 4

# Bytes in memory, of all connections: of requests that are not complete, and of
# responses that their clients do not take.
MOST_COLLECTED = 32 * 1024 * 1024
MOST_UNSENT_IN_ALL = 64 * 1024 * 1024

# Seconds that a connection may wait before it is disconnected to make room: those of an
# honest client that has just connected do not.
MOMENT = 0.2


class WaitingWorker(ThreadWorker):  # type: ignore[misc]  # gunicorn has no types
    """The threaded worker, with a place for each connection that waits."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        # For a head or a short body, and for a next request.
        self.pending_conns = Waiting()
        self.keepalived_conns = Waiting()
        # For a thread that reads a long body, for a slow reader, for the client's end.
        self.queued_conns = Waiting()
        self.sending_conns = Waiting()
        self.closing_conns = Waiting()
        self.body_threads = 0
        self.most_body_threads = max(self.cfg.threads // BODY_SHARE, 1)
        slow_readers = max(self.cfg.threads // SLOW_READER_SHARE, 1)
        self.slow_readers = threading.Semaphore(slow_readers)
        self.collected = self.unsent = 0
        self.next_look = 0.0

    def wait(self, conn: Connection, queue: Waiting, patience: float) -> None:
        """Have a connection wait for something, at most so many seconds."""
        if conn.waits_in is not None:
            conn.waits_in.remove(conn)
        conn.waits_in = queue
        conn.since = time.monotonic()
        conn.timeout = conn.since + patience
        queue.append(conn)

    def stop_waiting(self, conn: Connection) -> None:
        """Take a connection out of the event loop."""
        queue, conn.waits_in = conn.waits_in, None
        if queue is None:
            return
        queue.remove(conn)
        if queue in (self.pending_conns, self.queued_conns):
            self.collected -= len(conn.received)
        self.unsent -= conn.unsent
        conn.unsent = 0
        if queue is not self.queued_conns:
            self.poller.unregister(conn.sock)

    def end(self, conn: Connection) -> None:
        """Close a connection."""
        self.stop_waiting(conn)
        self.nr_conns -= 1
        conn.close()

    def send(self, conn: Connection, data: bytes) -> bool:
        """Send or keep something for a client; False if it has gone, which ends it."""
        try:
            conn.sock.sendall(data)
        except OSError:
            self.end(conn)
            return False
        return True

    def make_room(self) -> None:
        """Disconnect whoever has waited longest, if there are too many connections.

        A request in progress is never disconnected, nor one that waits for a thread.
        A client that is honest waits a moment only, and so is never the one.
        """
        queues = (
            *(self.pending_conns, self.keepalived_conns),
            *(self.sending_conns, self.closing_conns),
        )
        while self.nr_conns >= self.worker_connections:
            longest = [queue[0] for queue in queues if queue]
            conn = min(longest, key=attrgetter("since"), default=None)
            if conn is None or time.monotonic() - conn.since < MOMENT:
                return
            self.end(conn)

    def wait_for_and_dispatch_events(self, timeout: float) -> None:
        """Turn the event loop once; soon again while nobody is let in."""
        super().wait_for_and_dispatch_events(
            timeout if self._accepting or not self.alive else min(timeout, MOMENT)
        )

    def murder_keepalived(self, force: bool = False) -> None:  # noqa: FBT001, FBT002 - theirs
        """Close connections on which no further request comes."""
        now = time.monotonic()
        while self.keepalived_conns:
            conn = self.keepalived_conns[0]
            if conn.timeout > now and not force:
                break
            self.end(conn)
