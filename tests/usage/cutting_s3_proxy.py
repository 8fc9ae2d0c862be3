"""A proxy in front of the real S3 server that cuts answers after a number of bytes."""

import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from urllib.parse import urlsplit

# Longest that anything here waits for the other side, in seconds.
_PATIENCE = 10.0


@contextmanager
def cutting_proxy(target: str, *, after: int) -> Iterator[str]:
    """Yield the address of a proxy; an answer longer than `after` bytes is cut there.

    Requests go through as they are, so that their signatures hold.
    """
    behind = urlsplit(target)
    with socket.create_server(("127.0.0.1", 0)) as listener:
        thread = threading.Thread(
            target=_serve, args=(listener, (behind.hostname, behind.port), after)
        )
        thread.start()
        try:
            yield f"http://127.0.0.1:{listener.getsockname()[1]}"
        finally:
            listener.shutdown(socket.SHUT_RDWR)
            thread.join(_PATIENCE)


def _serve(listener: socket.socket, behind: tuple[str, int], after: int) -> None:
    while True:
        try:
            client, _ = listener.accept()
        except OSError:
            return  # the test is over
        server = socket.create_connection(behind, _PATIENCE)
        client.settimeout(_PATIENCE)
        for one, other, most in ((client, server, None), (server, client, after)):
            threading.Thread(
                target=_relay, args=(one, other, most), daemon=True
            ).start()


def _relay(one: socket.socket, other: socket.socket, most: int | None) -> None:
    left = most
    with suppress(OSError):
        while data := one.recv(65_536):
            other.sendall(data[:left])
            if left is not None:
                left -= len(data)
                if left <= 0:
                    break
    for side in (one, other):
        with suppress(OSError):
            side.shutdown(socket.SHUT_RDWR)
            side.close()
