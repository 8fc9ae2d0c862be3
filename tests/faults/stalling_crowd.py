"""Many clients, nobody of them signed in, that stall in every way there is."""

import socket
import threading
from contextlib import suppress

from portal.stack import ports
from tests.journeys.live_server import request

UPLOAD = "/api/v1/files/day.usg"
STATIC = "/static/large.js"

# The smallest that a system lets a client's buffer be: it takes next to nothing.
TINY = 2_048


def _in_chunks(method: str, path: str) -> bytes:
    begin = request(method, path, Content_Length="", Transfer_Encoding="chunked")
    return begin + b"4000\r\n"


# Of those that were cut off, so many come again at a time: the crowd is to stall, and
# not to keep the portal busy with requests that it answers.
COME_AGAIN = 20

# What each kind of client says, and whether it goes on, a byte at a time.
KINDS: dict[str, tuple[bytes, bool]] = {
    "says nothing": (b"", False),
    "half a head": (b"GET /sign-in HTTP/1.1\r\nX: ", True),
    "short form": (request("POST", "/sign-in", Content_Length="9000"), True),
    "long form": (request("POST", "/sign-in", Content_Length="900000"), True),
    "short JSON": (request("POST", "/api/v1/servers", Content_Length="60000"), True),
    "long JSON": (request("POST", "/api/v1/servers", Content_Length="2000000"), True),
    "upload": (request("PUT", UPLOAD, Content_Length="64000000"), True),
    "wrong token": (
        request("PUT", UPLOAD, token="usg_no", Content_Length="64000000"),
        True,
    ),
    "chunks": (_in_chunks("PUT", UPLOAD), True),
    "form in chunks": (_in_chunks("POST", "/sign-in"), True),
    "takes no static file": (request("GET", STATIC), False),
    "takes no document": (request("GET", "/api/v1/openapi.json"), False),
    "takes no page": (request("GET", "/sign-in"), False),
    "does not hang up": (request("GET", "/healthz", Connection="close"), False),
}

# These do not finish what they ask.
UNFINISHED = ("says nothing", "half a head", "short form", "short JSON")


class StallingCrowd:
    """So many clients, in turn of each kind; those that are cut off come again."""

    def __init__(self, port: int, size: int, *, every: float) -> None:
        self._port = port
        self._every = every
        # Most of them cost the portal nothing but their sockets.
        kinds = [*[KINDS[name] for name in UNFINISHED] * 4, *KINDS.values()]
        self._clients = [kinds[number % len(kinds)] for number in range(size)]
        self._sockets: list[socket.socket | None] = [None] * size
        self._is_over = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)
        self.connected = 0

    def __enter__(self) -> "StallingCrowd":
        for number in range(len(self._clients)):
            self._come(number)
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._is_over.set()
        self._thread.join()
        for client in self._sockets:
            if client is not None:
                client.close()

    def _come(self, number: int) -> None:
        words, _ = self._clients[number]
        client = socket.socket()
        client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, TINY)
        client.settimeout(5)
        self._sockets[number] = client
        with suppress(OSError):
            client.connect((ports.LOOPBACK, self._port))
            client.sendall(words)
            self.connected += 1
        client.settimeout(0)

    def _run(self) -> None:
        """Go on, a byte at a time, and come again where that fails."""
        while not self._is_over.wait(self._every):
            left = COME_AGAIN
            for number, (_, goes_on) in enumerate(self._clients):
                client = self._sockets[number]
                if self._is_over.is_set() or client is None:
                    return
                if left and goes_on and not _is_heard(client):
                    left -= 1
                    client.close()
                    self._come(number)


def _is_heard(client: socket.socket) -> bool:
    try:
        client.send(b"x")
    except BlockingIOError:
        return True
    except OSError:
        return False
    return True
