"""Each way to stall costs the client its connection, and never a thread for long."""

import time
from collections.abc import Iterator
from contextlib import ExitStack

import pytest

from tests.portal.stack.stack_copies import wait_for
from tests.portal.stack.stalling_site import (
    HEALTHZ,
    StallingSite,
    content,
    run_stalling_site,
)

THREADS = 4
SHORT_TIME = 1.0
LEAST = 20_000
MOST_UNSENT = 200_000

LIMITS = {
    "web_worker__HEAD_TIMEOUT": SHORT_TIME,
    "web_worker__SMALL_BODY_TIMEOUT": SHORT_TIME,
    "web_worker__QUEUE_TIMEOUT": SHORT_TIME,
    "web_worker__CLOSE_TIMEOUT": SHORT_TIME,
    "web_worker__MOST_IN_SYSTEM": 32_000,
    "web_socket__READ_TIMEOUT": SHORT_TIME,
    "web_socket__LEAST_RECEIVED": LEAST,
    "web_socket__LEAST_TAKEN": LEAST,
    "web_socket__MOST_UNSENT": MOST_UNSENT,
    "web_socket__QUICK": 0.1,
}

# The smallest that a system lets a client's buffer be.
TINY = 2_048


def post(path: str, length: int | bytes, *fields: str) -> bytes:
    if isinstance(length, bytes):
        return post(path, len(length), *fields) + length
    head = [f"POST {path} HTTP/1.1", "Host: x", f"Content-Length: {length}", *fields]
    return "\r\n".join(head).encode() + b"\r\n\r\n"


def get(path: str, *fields: str) -> bytes:
    head = [f"GET {path} HTTP/1.1", "Host: x", *fields]
    return "\r\n".join(head).encode() + b"\r\n\r\n"


def without_chunks(data: bytes) -> bytes:
    """Return what a response says that was sent in chunks, up to the last of them."""
    found = b""
    while True:
        size, _, data = data.partition(b"\r\n")
        length = int(size, 16)
        if not length:
            return found
        found, data = found + data[:length], data[length + 2 :]


@pytest.fixture(scope="module")
def running() -> Iterator[StallingSite]:
    with run_stalling_site(**LIMITS) as running:
        yield running


@pytest.fixture
def site(running: StallingSite) -> Iterator[StallingSite]:
    """The site of all tests, whose clients leave after each."""
    with ExitStack() as clients:
        yield StallingSite(running.port, running.process, clients)


CHUNKED = b"POST /unread HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n"

KINDS = {
    "half a head": b"GET / HTTP/1.1\r\nX: ",
    "half a short body": post("/sign-in", 60_000) + b"x" * 30_000,
    "an unread long body": post("/unread", 10**9) + b"x" * 30_000,
    "endless chunks": CHUNKED + b"5\r\nhello\r\n",
    "a file that is not taken": get("/file/2000000"),
    "a page that is not taken": get(f"/page/{MOST_UNSENT}"),
    "a stream that is not taken": get(f"/stream/{MOST_UNSENT}"),
    "an end that is not answered": get("/healthz", "Connection: close"),
}


@pytest.mark.parametrize("kind", KINDS)
def test_ten_clients_a_thread_stall_without_holding_one(
    site: StallingSite, kind: str
) -> None:
    for _ in range(THREADS * 10):
        site.connect(KINDS[kind], window=TINY)
    site.assert_answers_newcomers()


# Short bodies


def test_a_short_body_in_pieces_is_one_request(site: StallingSite) -> None:
    client = site.connect(post("/form", 9) + b"abc")
    for piece in (b"def", b"ghi" + HEALTHZ[:7], HEALTHZ[7:] + HEALTHZ):
        time.sleep(0.05)
        client.send(piece)
    assert client.answer()[2].startswith(b"/form read 9,")
    assert client.answer()[2].startswith(b"/healthz read 0")
    assert client.answer()[2].startswith(b"/healthz read 0")


def test_pipelined_forms_are_each_answered(site: StallingSite) -> None:
    bodies = [b"x" * size for size in (0, 1, 60_000, 65_536, 65_537, 2)]
    client = site.connect(b"".join(post("/form", body) for body in bodies))
    for body in bodies:
        assert client.answer()[2].startswith(b"/form read %d," % len(body))


def test_a_short_body_that_stalls_is_answered_as_the_portal_would(
    site: StallingSite,
) -> None:
    client = site.connect(post("/form", 9) + b"abc")
    started = time.monotonic()
    # A byte now and then buys no time.
    for _ in range(4):
        client.send(b"d")
        time.sleep(0.1)
    status, head, body = client.answer()
    assert SHORT_TIME <= time.monotonic() - started < 3 * SHORT_TIME + 1
    assert (status, b"Connection: close" in head) == (408, True)
    assert b'"code": "body-stalled"' in body
    assert client.is_closed()


def test_a_short_body_that_ends_early_reaches_the_application(
    site: StallingSite,
) -> None:
    client = site.connect(post("/form", 9) + b"abc")
    client.wire.shutdown(1)
    assert client.answer()[2].startswith(b"/form read 3,")


@pytest.mark.parametrize("length", [5, 100_000])
def test_a_client_that_asks_first_is_told_once_to_send_its_body(
    site: StallingSite, length: int
) -> None:
    client = site.connect(post("/form", length, "Expect: 100-continue"))
    assert client.answer()[0] == 100
    client.send(b"x" * length)
    status, _, body = client.answer()
    assert (status, body.split(b",")[0]) == (200, b"/form read %d" % length)


def test_a_client_that_asks_first_is_refused_before_it_sends(
    site: StallingSite,
) -> None:
    client = site.connect(post("/unread", 100_000, "Expect: 100-continue"))
    assert client.answer()[0] == 401


def test_a_length_that_is_none_is_refused_at_once(site: StallingSite) -> None:
    for fields in (
        *("Content-Length: five", "Content-Length: -1", "Content-Length: 5, 5"),
        *("Content-Length: 5\r\nContent-Length: 5", "Content-Length: \xb2"),
        "Content-Length: 5\r\nTransfer-Encoding: chunked",
    ):
        words = f"POST /form HTTP/1.1\r\nHost: x\r\n{fields}\r\n\r\n"
        started = time.monotonic()
        client = site.connect(words.encode("latin-1"))
        assert client.answer()[0] == 400, fields
        assert time.monotonic() - started < SHORT_TIME, fields


# Long bodies


def test_half_of_the_threads_read_long_bodies_and_the_rest_waits_in_order(
    site: StallingSite,
) -> None:
    size = 100_000
    first, second, third, fourth = (
        site.connect(post("/long", size) + b"x" * 50_000) for _ in range(4)
    )
    site.assert_answers_newcomers()
    third.send(b"x" * 50_000)
    fourth.send(b"x" * 50_000)
    first.send(b"x" * 50_000)
    for client in (first, third, fourth):
        assert client.answer()[2].startswith(b"/long read 100000,")
    second.send(b"x" * 50_000)
    assert second.answer()[0] == 200


def test_a_long_body_that_waits_too_long_is_told_to_come_again(
    site: StallingSite,
) -> None:
    readers = [site.connect(post("/long", 10**6)) for _ in range(THREADS // 2)]
    until = time.monotonic() + 4 * SHORT_TIME
    waiting = site.connect(post("/long", 100_000))
    while time.monotonic() < until:
        # Faster than the least rate, so that the threads stay taken.
        for client in readers:
            client.send(b"x" * 5_000)
        time.sleep(0.1)
    status, head, body = waiting.answer()
    assert (status, b"Retry-After: 60" in head) == (503, True)
    assert b'"code": "busy"' in body


def test_a_long_body_that_trickles_is_ended(site: StallingSite) -> None:
    client = site.connect(post("/long", 100_000))
    started = time.monotonic()
    client.wire.settimeout(0.1)
    found = b""
    while time.monotonic() - started < 6 * SHORT_TIME:
        try:
            client.send(b"x")
            found = client.wire.recv(100)
        except TimeoutError:
            continue
        break
    assert found.startswith(b"HTTP/1.1 408 ")
    assert SHORT_TIME <= time.monotonic() - started < 2 * SHORT_TIME


# Bodies that nobody reads


def test_a_client_that_is_refused_can_read_so_after_sending_all(
    site: StallingSite,
) -> None:
    client = site.connect()
    client.send(post("/unread", b"x" * 900_000))
    status, head, body = client.answer()
    assert (status, body) == (401, b"no")
    assert b"Connection: close" in head


@pytest.mark.parametrize("size", [100, 65_536, 65_537, 3_000_000])
def test_an_unread_body_is_never_the_next_request(
    site: StallingSite, size: int
) -> None:
    body = (HEALTHZ * (size // len(HEALTHZ) + 1))[:size]
    client = site.connect()
    try:
        client.send(post("/unread", body) + get("/next"))
    except ConnectionError:
        assert size > 65_536
    assert client.answer()[0] in ((401,) if size <= 65_536 else (401, 0))
    status, _, body = client.answer()
    assert (status, body[:12]) == (
        (200, b"/next read 0") if size <= 65_536 else (0, b"")
    )


def test_a_client_that_goes_on_sending_is_cut_off(site: StallingSite) -> None:
    client = site.connect(post("/unread", 10**9))
    with pytest.raises(ConnectionError):
        client.send(b"x" * 64_000_000)


# Responses that are taken slowly


@pytest.mark.parametrize("kind", ["file", "page", "stream"])
def test_a_slow_but_honest_reader_gets_all_of_a_response(
    site: StallingSite, kind: str
) -> None:
    size = 600_000
    close = "Connection: close"
    client = site.connect(get(f"/{kind}/{size}", close), window=TINY)
    received = b""
    while data := client.wire.recv(30_000):
        received += data
        # With the site's limits, a response at half of this rate is too slow.
        time.sleep(len(data) / (20 * LEAST))
    body = received.partition(b"\r\n\r\n")[2]
    if kind == "stream":
        body = without_chunks(body)
    assert body == content(size)


def test_the_next_request_waits_until_the_response_is_taken(
    site: StallingSite,
) -> None:
    client = site.connect(get("/page/300000") + HEALTHZ, window=TINY)
    time.sleep(0.2)
    assert client.answer()[2] == content(300_000)
    assert client.answer()[2].startswith(b"/healthz read 0")


def test_a_reader_that_takes_nothing_is_disconnected(site: StallingSite) -> None:
    before = site.count_connections()
    for kind in ("file", "page", "stream"):
        site.connect(get(f"/{kind}/2000000"), window=TINY).wire.recv(1)
    assert wait_for(lambda: site.count_connections() <= before)


def test_a_quarter_of_the_threads_wait_for_slow_readers_of_long_responses() -> None:
    limits = {**LIMITS, "web_socket__READ_TIMEOUT": 60.0}
    with run_stalling_site(**limits) as site:
        before = site.count_connections()
        for _ in range(THREADS):
            site.connect(get("/stream/5000000"), window=TINY).wire.recv(1)
        # The others are cut after a moment.
        waiting = before + THREADS // 4
        assert wait_for(lambda: site.count_connections() <= waiting, 10)
        assert site.count_connections() == waiting
        site.assert_answers_newcomers()


# Bounds on all of them together


def test_newcomers_are_served_however_many_connections_stall(
    site: StallingSite,
) -> None:
    clients = [site.connect() for _ in range(150)]
    site.assert_answers_newcomers()
    # Of those that stall, the oldest have gone.
    assert clients[0].is_closed()
    clients[-1].send(HEALTHZ)
    assert clients[-1].answer()[0] == 200


def test_a_request_in_progress_is_not_ended_to_make_room(site: StallingSite) -> None:
    uploading = site.connect(post("/long", 100_000) + b"x" * 50_000)
    waiting = [site.connect() for _ in range(150)]
    site.assert_answers_newcomers()
    uploading.send(b"x" * 50_000)
    assert uploading.answer()[0] == 200
    assert waiting[0].is_closed()


def test_memory_for_incomplete_requests_is_bounded() -> None:
    limits = {**LIMITS, "web_worker__MOST_COLLECTED": 300_000}
    half = post("/form", 60_000) + b"x" * 50_000
    with run_stalling_site(**limits) as site:
        first, *_, last = [site.connect(half) for _ in range(12)]
        assert first.is_closed()
        last.send(b"x" * 10_000)
        assert last.answer()[0] == 200


def test_memory_for_responses_is_bounded() -> None:
    limits = {**LIMITS, "web_worker__MOST_UNSENT_IN_ALL": 300_000}
    with run_stalling_site(**limits) as site:
        before = site.count_connections()
        clients = [site.connect(get("/page/200000"), window=TINY) for _ in range(12)]
        for client in clients:
            client.rest = client.wire.recv(1)
        # Two of them would be more than the limit.
        assert wait_for(lambda: site.count_connections() <= before + 1)
        received = [client.answer()[2] for client in clients]
        assert sum(body == content(200_000) for body in received) == 1
