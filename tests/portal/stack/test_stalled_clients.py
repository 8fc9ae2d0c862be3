"""Clients that stall leave the site answering, however they stall."""

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from portal.stack import gunicorn_conf, ports, web_connection, web_socket, web_worker
from tests.portal.stack.stack_copies import MINI, ROOT, ask, wait_for

STALLED = 40
READ_TIMEOUT = 3

HEAD = b"PUT /stalled HTTP/1.1\r\nHost: x\r\nContent-Length: 1000\r\n"
HEALTHZ = b"GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n"

KINDS = {
    "says nothing": b"",
    "half a request line": b"PUT /stall",
    "half a header": HEAD,
    "a header, no body": HEAD + b"\r\n",
    "a header, half a body": HEAD + b"\r\n" + b"x" * 500,
}


@pytest.fixture(scope="module")
def site() -> Iterator[int]:
    """The real gunicorn with the real configuration, in front of a tiny site."""
    port = ports.find_free()
    environment = {
        **os.environ,
        "PORT": str(port),
        "BODY_TIMEOUT": str(READ_TIMEOUT),
        "PYTHONPATH": str(ROOT),
    }
    configuration = ROOT / "portal" / "stack" / "gunicorn_conf.py"
    process = subprocess.Popen(
        [
            *(sys.executable, "-m", "gunicorn", "--config", str(configuration)),
            *("--pythonpath", str(MINI / "portal"), "wsgi:application"),
        ],
        env=environment,
        cwd=Path("/"),
    )
    assert wait_for(lambda: ports.is_answering(port))
    yield port
    process.send_signal(signal.SIGQUIT)
    process.wait(20)


def stall(clients: ExitStack, port: int, words: bytes) -> socket.socket:
    client = socket.create_connection((ports.LOOPBACK, port), timeout=20)
    clients.enter_context(client)
    client.sendall(words)
    return client


def time_healthz(port: int) -> float:
    started = time.monotonic()
    assert ask(port, HEALTHZ).startswith(b"HTTP/1.1 200 ")
    return time.monotonic() - started


@pytest.mark.parametrize("kind", KINDS)
def test_forty_stalled_clients_leave_the_site_answering(site: int, kind: str) -> None:
    with ExitStack() as clients:
        for _ in range(STALLED):
            stall(clients, site, KINDS[kind])
        time.sleep(0.3)
        assert max(time_healthz(site) for _ in range(20)) < 1


def test_all_of_them_at_once_are_ended_and_never_in_the_way(site: int) -> None:
    with ExitStack() as clients:
        with_body = [
            stall(clients, site, words)
            for kind in ("a header, no body", "a header, half a body")
            for words in [KINDS[kind]] * STALLED
        ]
        for kind in ("says nothing", "half a request line", "half a header"):
            for _ in range(STALLED):
                stall(clients, site, KINDS[kind])
        # Also while their time runs out, and while they are being closed, which
        # they do not answer.
        until = time.monotonic() + READ_TIMEOUT + 3
        slowest = 0.0
        while time.monotonic() < until:
            slowest = max(slowest, time_healthz(site))
            time.sleep(0.02)
        assert slowest < 1
        answers = [client.recv(100) for client in with_body]
        assert all(answer.startswith(b"HTTP/1.1 408 ") for answer in answers)


def test_a_head_that_never_ends_is_given_up(site: int) -> None:
    with ExitStack() as clients:
        client = stall(clients, site, b"GET / HTTP/1.1\r\nX: ")
        started = time.monotonic()
        client.settimeout(web_worker.HEAD_TIMEOUT + 5)
        # A letter now and then does not buy more time.
        client.sendall(b"a")
        assert client.recv(100) == b""
        assert time.monotonic() - started < web_worker.HEAD_TIMEOUT + 3


def test_a_connection_serves_one_request_after_the_other(site: int) -> None:
    with ExitStack() as clients:
        client = stall(clients, site, b"")
        for part in (HEALTHZ[:10], HEALTHZ[10:], HEALTHZ, HEALTHZ + HEALTHZ[:9]):
            client.sendall(part)
            time.sleep(0.05)
        client.sendall(HEALTHZ[9:])
        received = b""
        while received.count(b"/healthz 8 0") < 4:
            received += client.recv(4096)
        assert received.count(b"HTTP/1.1 200 ") == 4


def test_an_absurd_name_reaches_the_application(site: int) -> None:
    name = "%F0%9F%98%80" * 5000
    answer = ask(site, f"GET /{name} HTTP/1.1\r\nHost: x\r\n\r\n".encode())
    assert answer.startswith(b"HTTP/1.1 200 ")


def test_a_head_without_measure_is_refused(site: int) -> None:
    name = b"a" * (web_connection.LONGEST_HEAD + 100)
    answer = ask(site, b"GET /" + name + b" HTTP/1.1\r\nHost: x\r\n\r\n")
    assert answer.startswith(b"HTTP/1.1 431 ")


def test_an_unknown_transfer_coding_is_the_clients_mistake(site: int) -> None:
    head = b"PUT / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: gzip\r\n\r\n"
    assert ask(site, head).startswith(b"HTTP/1.1 400 ")


def test_the_configuration_is_as_the_portal_says() -> None:
    env = pytest.importorskip("portal.env")
    assert str(gunicorn_conf.workers) == env.VARIABLES["WEB_WORKERS"].default
    assert str(gunicorn_conf.threads) == env.VARIABLES["WEB_THREADS"].default
    assert str(int(web_socket.READ_TIMEOUT)) == env.VARIABLES["BODY_TIMEOUT"].default
