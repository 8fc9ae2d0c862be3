"""A proxy in front of the real S3 server that misbehaves by script.

Requests pass through it byte for byte, host name and all, so that signatures hold.
Each consults the script first: a behaviour of the script answers in the server's
place, or spoils what the server said. Loopback only, a thread for each connection.
"""

import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from urllib.parse import urlsplit

from portal.stack import ports

HEAD_ENDS = b"\r\n\r\n"


@dataclass
class ProxiedRequest:
    """A request as it came in, and how to get its answer."""

    method: str
    head: bytes
    body: bytes
    client: socket.socket
    forward: Callable[[], bytes]


# Deals with a request; whatever it does not send, the client does not get.
Behaviour = Callable[[ProxiedRequest], None]


def passed(request: ProxiedRequest) -> None:
    """Do what an honest proxy does."""
    request.client.sendall(request.forward())


def lost(request: ProxiedRequest) -> None:
    """Let the server do it, and lose its answer."""
    request.forward()


def cut(at: int) -> Behaviour:
    """Let the server do it, and cut its answer after so many bytes."""

    def behaviour(request: ProxiedRequest) -> None:
        request.client.sendall(request.forward()[:at])

    return behaviour


def dropped(_request: ProxiedRequest) -> None:
    """Hang up without a word, having told the server nothing."""


def hung(seconds: float) -> Behaviour:
    """Let the server do it, and then say nothing for so long."""

    def behaviour(request: ProxiedRequest) -> None:
        request.forward()
        time.sleep(seconds)

    return behaviour


def slow(seconds: float) -> Behaviour:
    def behaviour(request: ProxiedRequest) -> None:
        time.sleep(seconds)
        passed(request)

    return behaviour


def refused(status: int, code: str) -> Behaviour:
    """Answer as S3 does when it does not do it."""

    def behaviour(request: ProxiedRequest) -> None:
        error = (
            '<?xml version="1.0" encoding="UTF-8"?>\n'
            f"<Error><Code>{code}</Code><Message>{code}</Message></Error>"
        )
        body = b"" if request.method == "HEAD" else error.encode()
        lines = (f"HTTP/1.1 {status} No", f"Content-Length: {len(body)}")
        head = "\r\n".join((*lines, "Content-Type: application/xml", "", ""))
        request.client.sendall(head.encode() + body)

    return behaviour


def altered(old: bytes, new: bytes) -> Behaviour:
    """Let the server do it, and change something in the head of its answer."""

    def behaviour(request: ProxiedRequest) -> None:
        head, _, body = request.forward().partition(HEAD_ENDS)
        request.client.sendall(head.replace(old, new) + HEAD_ENDS + body)

    return behaviour


def other_bytes(request: ProxiedRequest) -> None:
    """Let the server do it, and change the last byte of its answer.

    Its checksum, by which the client would notice, is left out.
    """
    head, _, body = request.forward().partition(HEAD_ENDS)
    lines = head.split(b"\r\n")
    kept = [one for one in lines if not one.lower().startswith(b"x-amz-checksum")]
    changed = body[:-1] + bytes([body[-1] ^ 1])
    request.client.sendall(b"\r\n".join(kept) + HEAD_ENDS + changed)


@dataclass
class FaultyS3:
    """The running proxy. `script` is consulted for each request, in turn.

    It has a list of behaviours by method; the last one of a list stays. Methods without
    one pass.
    `seen` has the methods of all requests.
    """

    address: str
    script: dict[str, list[Behaviour]] = field(default_factory=dict)
    seen: list[str] = field(default_factory=list)

    def behaviour_for(self, method: str) -> Behaviour:
        self.seen.append(method)
        behaviours = self.script.get(method, [passed])
        return behaviours.pop(0) if len(behaviours) > 1 else behaviours[0]


@contextmanager
def run_faulty_s3(endpoint: str) -> Iterator[FaultyS3]:
    """Stand in front of a server until the block ends."""
    target = urlsplit(endpoint)
    server = socket.create_server((ports.LOOPBACK, 0))
    proxy = FaultyS3(f"http://{ports.LOOPBACK}:{server.getsockname()[1]}")
    to = (target.hostname or ports.LOOPBACK, target.port or 80)
    threads: list[threading.Thread] = []

    def accept() -> None:
        with suppress(OSError):
            while True:
                client, _ = server.accept()
                thread = threading.Thread(target=_serve, args=(client, to, proxy))
                thread.start()
                threads.append(thread)

    accepting = threading.Thread(target=accept)
    accepting.start()
    try:
        yield proxy
    finally:
        # Closing alone does not wake a thread that waits in accept.
        server.shutdown(socket.SHUT_RDWR)
        server.close()
        accepting.join()
        for thread in threads:
            thread.join()


def _serve(client: socket.socket, to: tuple[str, int], proxy: FaultyS3) -> None:
    """Deal with one request, then hang up."""
    with client, suppress(OSError):
        client.settimeout(30)
        head, body = _read(client)
        if not head:
            return

        def forward() -> bytes:
            with socket.create_connection(to, timeout=30) as server:
                server.sendall(_closing(head) + HEAD_ENDS + body)
                return b"".join(iter(lambda: server.recv(65_536), b""))

        method = head.split(b" ", 1)[0].decode()
        proxy.behaviour_for(method)(ProxiedRequest(method, head, body, client, forward))


def _read(client: socket.socket) -> tuple[bytes, bytes]:
    """Read a request; who waits for leave to send its body is given it."""
    data = b""
    while HEAD_ENDS not in data:
        more = client.recv(65_536)
        if not more:
            return b"", b""
        data += more
    head, _, body = data.partition(HEAD_ENDS)
    headers = _headers(head)
    if "expect" in headers:
        client.sendall(b"HTTP/1.1 100 Continue\r\n\r\n")
    while len(body) < int(headers.get("content-length", 0)):
        more = client.recv(65_536)
        if not more:
            return b"", b""
        body += more
    return head, body


def _headers(head: bytes) -> dict[str, str]:
    pairs = (line.partition(":") for line in head.decode("latin-1").split("\r\n")[1:])
    return {name.strip().lower(): value.strip() for name, _, value in pairs}


def _closing(head: bytes) -> bytes:
    """Ask for a connection that ends with the answer; both headers are not signed."""
    lines = [
        line
        for line in head.split(b"\r\n")
        if not line.lower().startswith((b"expect:", b"connection:"))
    ]
    return b"\r\n".join([*lines, b"Connection: close"])
