"""A client that sends a byte now and then may not keep its thread for ever."""

import socket
import threading
import time
from collections.abc import Iterator

import pytest
from django.core.handlers.wsgi import WSGIRequest
from gunicorn.http.body import Body, LengthReader
from gunicorn.http.unreader import SocketUnreader

from portal.errors import Refused
from portal.stack import web_socket
from portal.stack.web_socket import PatientSocket
from usage.uploads import request_body

Line = tuple[PatientSocket, socket.socket]

ANNOUNCED = 100_000
TOLD = "body-stalled"


@pytest.fixture
def line() -> Iterator[Line]:
    ours, theirs = socket.socketpair()
    slow_readers = threading.Semaphore(1)
    with PatientSocket(ours.detach(), slow_readers) as patient, theirs:
        yield patient, theirs


def request_on(ours: socket.socket) -> WSGIRequest:
    """A request as gunicorn hands it over, with its real reader of bodies."""
    stream = Body(LengthReader(SocketUnreader(ours), ANNOUNCED))
    return WSGIRequest(
        {
            "REQUEST_METHOD": "PUT",
            "PATH_INFO": "/api/v1/files/day.usg",
            "CONTENT_LENGTH": str(ANNOUNCED),
            "wsgi.input": stream,
            "gunicorn.socket": ours,
        }
    )


def test_a_body_that_trickles_is_ended_when_its_time_is_up(
    line: Line, monkeypatch: pytest.MonkeyPatch
) -> None:
    ours, theirs = line
    monkeypatch.setattr(web_socket, "REQUEST_TIMEOUT", 0.5)
    started = time.monotonic()
    ours.begin_reading(owes_continue=False)
    over = threading.Event()

    def trickle() -> None:
        while not over.wait(0.02):
            try:
                theirs.send(b"x")
            except OSError:
                return

    client = threading.Thread(target=trickle)
    client.start()
    try:
        with pytest.raises(Refused) as caught:
            list(request_body.chunks(request_on(ours), ANNOUNCED))
    finally:
        over.set()
        client.join()
    assert caught.value.code == TOLD
    assert 0.5 <= time.monotonic() - started < 10


def test_a_body_that_stands_still_is_ended_sooner(
    line: Line, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(web_socket, "READ_TIMEOUT", 0.2)
    ours, theirs = line
    theirs.send(b"x" * 10)
    with pytest.raises(Refused) as caught:
        list(request_body.chunks(request_on(ours), ANNOUNCED))
    assert caught.value.code == TOLD


def test_a_body_that_comes_whole_leaves_nothing_behind(
    line: Line,
) -> None:
    ours, theirs = line
    sender = threading.Thread(target=theirs.sendall, args=[b"x" * ANNOUNCED])
    sender.start()
    before = threading.active_count()
    assert (
        b"".join(request_body.chunks(request_on(ours), ANNOUNCED)) == b"x" * ANNOUNCED
    )
    sender.join()
    assert threading.active_count() <= before
    theirs.send(b"more")
    assert ours.recv(4) == b"more"
