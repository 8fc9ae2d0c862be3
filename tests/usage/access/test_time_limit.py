"""A time limit ends a connection in any state, and what is in it fails as usual."""

import socket
import ssl
import time

import pytest

from usage.usg.client.time_limit import TimeLimit

pytestmark = pytest.mark.plain


def over(seconds: float) -> TimeLimit:
    line = TimeLimit(seconds)
    began = time.monotonic()
    while not line.is_over and time.monotonic() - began < 10:
        time.sleep(0.01)
    return line


def test_a_limit_that_is_over_at_once_stays_over() -> None:
    assert all(over(0).is_over for _ in range(50))


def test_a_handshake_after_the_limit_fails_like_any_other() -> None:
    context = ssl.create_default_context()
    with socket.create_server(("127.0.0.1", 0)) as server:
        line = over(0.05)
        wire = socket.create_connection(server.getsockname(), 5)
        secure = context.wrap_socket(
            wire, server_hostname="s3.example", do_handshake_on_connect=False
        )
        line.watch(secure)
        with pytest.raises(OSError):  # noqa: PT011 - which one is the system's choice
            secure.do_handshake()
        line.close()
        assert secure.fileno() == -1
