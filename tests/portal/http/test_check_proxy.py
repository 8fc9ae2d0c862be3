"""`manage.py check_proxy` finds a proxy that lets clients date their requests."""

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any
from wsgiref.simple_server import WSGIRequestHandler, make_server

import pytest
from django.core.management import call_command
from django.core.management.base import CommandError

from portal.stack import ports
from portal.wsgi import application

pytestmark = pytest.mark.plain

STAMP = "HTTP_X_REQUEST_START"


class Quiet(WSGIRequestHandler):
    def log_message(self, *_: Any) -> None:
        pass


def pass_on(_environ: dict[str, Any]) -> None:
    """Do what a proxy does that was told nothing about the header."""


def replace(environ: dict[str, Any]) -> None:
    environ[STAMP] = f"t={time.time():.3f}"


def append(environ: dict[str, Any]) -> None:
    environ[STAMP] = f"{environ[STAMP]}, t={time.time():.3f}"


def remove(environ: dict[str, Any]) -> None:
    del environ[STAMP]


@contextmanager
def portal_behind(proxy: Any, settings: Any) -> Iterator[None]:
    """Serve the portal, with what a proxy would make of each request."""

    def serve(environ: dict[str, Any], start: Any) -> Any:
        proxy(environ)
        return application(environ, start)

    with make_server(ports.LOOPBACK, 0, serve, handler_class=Quiet) as server:
        threading.Thread(target=server.serve_forever, args=[0.01], daemon=True).start()
        settings.PORTAL_ADDRESS = f"http://{ports.LOOPBACK}:{server.server_port}"
        yield
        server.shutdown()


@pytest.mark.parametrize(
    ("is_said_to_stamp", "proxy", "told"),
    [
        (False, pass_on, "by clock"),
        (False, replace, "by clock"),
        (True, replace, "by proxy"),
    ],
)
def test_a_forged_stamp_that_is_replaced_or_ignored_passes(
    settings: Any, capsys: Any, is_said_to_stamp: bool, proxy: Any, told: str
) -> None:
    settings.PROXY_STAMPS = is_said_to_stamp
    with portal_behind(proxy, settings):
        call_command("check_proxy")
    assert told in capsys.readouterr().out


@pytest.mark.parametrize(
    ("proxy", "told"),
    [
        (pass_on, "can date its requests"),
        (append, "no stamp of its own, or not one alone"),
        (remove, "no stamp of its own"),
    ],
)
def test_a_proxy_that_does_not_set_the_stamp_itself_fails(
    settings: Any, proxy: Any, told: str
) -> None:
    settings.PROXY_STAMPS = True
    with (
        portal_behind(proxy, settings),
        pytest.raises(CommandError, match=told) as error,
    ):
        call_command("check_proxy")
    assert error.value.returncode == 1


def test_an_address_that_is_not_the_portals_is_reported_as_such(settings: Any) -> None:
    settings.PORTAL_ADDRESS = f"http://{ports.LOOPBACK}:{ports.find_free()}"
    with pytest.raises(CommandError, match="nothing could be checked") as error:
        call_command("check_proxy")
    assert error.value.returncode == 2
