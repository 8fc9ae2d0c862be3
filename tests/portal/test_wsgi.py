"""The WSGI entry point: every request, however malformed, is answered."""

from collections.abc import Callable
from functools import partial
from io import BytesIO
from typing import Any

import pytest

PATHS = ("/api/v1/files", "/static/x", "/sign-in", "/healthz")


Ask = Callable[..., int]


@pytest.fixture
def ask(db: None) -> Ask:
    """Ask the application itself; return the status."""
    # Here, for it looks at the folders that only a test has.
    from portal.wsgi import application

    return partial(status_of, application)


def status_of(application: Any, method: str, path: str, **environ: Any) -> int:
    statuses: list[str] = []

    def start(status: str, *_: Any) -> Any:
        statuses.append(status)

    body = application(
        {
            "REQUEST_METHOD": method,
            "PATH_INFO": path,
            "SERVER_NAME": "127.0.0.1",
            "SERVER_PORT": "80",
            "HTTP_HOST": "127.0.0.1",
            "wsgi.input": BytesIO(),
            **environ,
        },
        start,
    )
    b"".join(body)
    return int(statuses[0].split()[0])


@pytest.mark.parametrize("path", PATHS)
@pytest.mark.parametrize("method", ["GET", "POST"])
def test_too_many_fields_are_refused_whatever_charset_is_named(
    ask: Ask, method: str, path: str
) -> None:
    query = "&".join(["a=1"] * 2_000)
    for content_type in ("text/plain", "application/json; charset=utf-16"):
        told = {"QUERY_STRING": query, "CONTENT_TYPE": content_type}
        assert ask(method, path, **told) < 500


@pytest.mark.parametrize("charset", ["hex", "idna", "undefined", "utf-16", "none"])
def test_a_charset_is_no_reason_to_fail(ask: Ask, charset: str) -> None:
    told = {
        "QUERY_STRING": "a=%ff.&b",
        "CONTENT_TYPE": f"text/plain; charset={charset}",
    }
    assert ask("GET", "/healthz", **told) == 200
    assert ask("POST", "/sign-in", **told) < 500
