"""A site of one page, which reports how its body is read."""

from collections.abc import Callable, Iterable
from typing import Any

StartResponse = Callable[[str, list[tuple[str, str]]], Any]


def application(environ: dict[str, Any], start: StartResponse) -> Iterable[bytes]:
    """Answer everything, after reading whatever was sent."""
    length = int(environ.get("CONTENT_LENGTH") or 0)
    try:
        body = environ["wsgi.input"].read(length)
    except TimeoutError:
        start("408 Request Timeout", [("Content-Length", "0")])
        return []
    answer = f"{environ['PATH_INFO'][:40]} {len(environ['PATH_INFO'])} {len(body)}"
    start("200 OK", [("Content-Length", str(len(answer)))])
    return [answer.encode()]
