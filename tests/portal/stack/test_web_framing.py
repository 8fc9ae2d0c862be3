"""The worker and gunicorn agree on the length of a body, or it is refused."""

import math
import random
import socket
import threading
from collections.abc import Iterator
from types import SimpleNamespace
from typing import Any

import pytest
from gunicorn.config import Config
from gunicorn.http.body import LengthReader
from gunicorn.http.errors import InvalidHeader, ParseException
from gunicorn.http.message import Request
from gunicorn.http.unreader import IterUnreader

from portal.stack.web_answers import BODY_STALLED, BUSY
from portal.stack.web_connection import SMALL_BODY, Connection
from portal.stack.web_socket import PatientSocket

CONFIG = Config()
CONFIG.set("limit_request_line", 0)

PEER = ("127.0.0.1", 1)


@pytest.fixture
def pair() -> Iterator[tuple[Connection, socket.socket]]:
    """A connection of the worker, and its client."""
    ours, client = socket.socketpair()
    patient = PatientSocket(ours.detach(), threading.Semaphore(1))
    conn = Connection(CONFIG, patient, PEER, PEER)
    with client:
        yield conn, client
    conn.close()


def gunicorns_length(head: bytes) -> float | None:
    """Return the length of the body as gunicorn reads it; None if it refuses."""
    try:
        request: Any = Request(CONFIG, IterUnreader([head]), PEER)
    except (ParseException, StopIteration):
        return None
    reader = request.body.reader
    return reader.length if isinstance(reader, LengthReader) else math.inf


NAMES = (
    *(b"Content-Length", b"content-LENGTH", b"Content_Length", b"Content-Length "),
    *(b"Transfer-Encoding", b"TRANSFER-encoding", b"X-Content-Length", b"Expect", b"X"),
)
VALUES = (
    *(b"0", b"5", b"05", b" 5\t", b"+5", b"-5", b"5,5", b"5 5", b"0x5", b"", b"\xb2"),
    *(b"70000", b"9" * 400, b"9" * 5000, b"5\rX", b"5\nContent-Length: 7", b"1_0"),
    *(b"chunked", b"Chunked", b"gzip, chunked", b"identity", b"100-continue", b"x"),
)
FIRST = (
    *(b"POST / HTTP/1.1", b"GET / HTTP/1.0", b"\r\nPOST / HTTP/1.1"),
    *(b"POST /Content-Length:9 HTTP/1.1", b"Content-Length: 9 HTTP/1.1"),
)
ENDS = (b"\r\n", b"\r\n", b"\r\n", b"\n", b"\r\n ", b"\r")


def test_the_length_that_is_waited_for_is_the_one_that_gunicorn_reads(
    pair: tuple[Connection, socket.socket],
) -> None:
    conn, _ = pair
    rng = random.Random(1)
    agreed = {0: 0, 5: 0, math.inf: 0}
    for _ in range(5_000):
        lines = [rng.choice(FIRST)]
        lines += [
            rng.choice(NAMES) + b":" + rng.choice((b"", b" ")) + rng.choice(VALUES)
            for _ in range(rng.randrange(4))
        ]
        head = b"".join(
            line + rng.choice(ENDS[:3] if rng.random() < 0.9 else ENDS)
            for line in lines
        )
        head = head.rstrip(b"\r\n") + b"\r\n\r\n"
        theirs = gunicorns_length(head)
        conn._begin_head()
        conn.received[:] = head
        conn.is_ready()
        if theirs is not None:
            assert conn.body_length == theirs, head
            agreed[theirs] = agreed.get(theirs, 0) + 1
    assert all(agreed.values()), agreed


def test_another_length_than_the_one_that_was_waited_for_is_refused(
    pair: tuple[Connection, socket.socket],
) -> None:
    conn, client = pair
    client.sendall(b"POST / HTTP/1.1\r\nContent-Length: 5\r\n\r\nhello")
    assert conn.collect()
    conn.body_length = 0
    conn.init()
    request = next(conn.parser)
    with pytest.raises(InvalidHeader):
        conn.begin(request)


@pytest.mark.parametrize(
    ("length", "is_complete"),
    [(0, True), (1, False), (SMALL_BODY, False), (SMALL_BODY + 1, True)],
)
def test_short_bodies_are_waited_for_and_long_ones_are_not(
    pair: tuple[Connection, socket.socket], length: int, is_complete: bool
) -> None:
    conn, client = pair
    client.sendall(b"POST / HTTP/1.1\r\nContent-Length: %d\r\n\r\n" % length)
    assert conn.collect() == is_complete
    assert conn.is_long == (length > SMALL_BODY)


def test_a_byte_at_a_time_is_the_same_request(
    pair: tuple[Connection, socket.socket],
) -> None:
    conn, client = pair
    words = b"POST / HTTP/1.1\r\nExpect: 100-Continue\r\nContent-Length: 5\r\n\r\nhello"
    for number, byte in enumerate(words, 1):
        client.sendall(bytes([byte]))
        assert conn.collect() == (number == len(words))
    assert conn.expects_continue
    conn.init()
    request = next(conn.parser)
    conn.begin(request)
    assert request.body.read() == b"hello"


def test_a_client_of_http_1_0_is_not_told_to_continue(
    pair: tuple[Connection, socket.socket],
) -> None:
    conn, client = pair
    client.sendall(
        b"POST / HTTP/1.0\r\nExpect: 100-continue\r\nContent-Length: 5\r\n\r\n"
    )
    assert not conn.collect()
    assert not conn.expects_continue


@pytest.mark.parametrize(
    ("answer", "code"), [(BODY_STALLED, "body-stalled"), (BUSY, "busy")]
)
def test_the_event_loop_refuses_as_the_portal_does(answer: bytes, code: str) -> None:
    error_text = pytest.importorskip("portal.error_text")
    text: SimpleNamespace = error_text.TEXTS[code]
    head, _, body = answer.decode().partition("\r\n\r\n")
    assert f"HTTP/1.1 {text.status} " in head
    assert f'"code": "{code}"' in body
    assert f'"advice": "{text.advice}"' in body
