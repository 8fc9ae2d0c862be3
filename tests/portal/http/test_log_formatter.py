"""No secret of an address, a header or a row gets into the log."""

import io
import logging
import logging.config
import time
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any

import pytest
from django.core.exceptions import BadRequest, PermissionDenied, SuspiciousOperation
from django.db import DatabaseError, connection
from django.http import Http404
from django.test import Client
from django.urls import URLPattern, URLResolver, get_resolver

from portal.http.endpoint_types import ANYBODY
from portal.http.endpoints import ENDPOINTS
from portal.http.log_formatter import SECRET_ADDRESSES, RedactingFormatter, redact
from portal.http.middleware import PermissionMiddleware
from tests.journeys.live_server import running_portal

# As in a link for a new password, and in a private address of the calendar.
SECRET = "cxyz12-0123456789abcdef0123456789abcdef"
FEED = "Zm9vYmFyLXNlY3JldC1vZi10aGUtZmVlZC0xMjM0NTY3OA"

ADDRESSES = [
    f"/new-password/7/{SECRET}",
    f"/calendar/{FEED}.ics",
    f"/invitations/{FEED}",
    f"/late-contact/{FEED}",
    f"/new-address/{FEED}",
]

# Only a person who is signed in opens these, and the parameter is a secret too.
SIGNED_IN_ONLY = {"new-address"}

Log = Callable[[], str]


@pytest.fixture
def log(settings: Any) -> Iterator[Log]:
    """Return what a handler writes as the settings configure it."""
    formatter = settings.LOGGING["formatters"]["line"]
    stream = io.StringIO()
    handler = logging.StreamHandler(stream)
    handler.setFormatter(RedactingFormatter(formatter["format"]))
    root = logging.getLogger()
    root.addHandler(handler)
    yield stream.getvalue
    root.removeHandler(handler)


def has_secret(text: str) -> bool:
    return any(secret in text for secret in (SECRET, SECRET[7:], FEED, FEED[5:]))


@pytest.mark.plain
def test_every_handler_and_every_server_uses_the_formatter(settings: Any) -> None:
    logged = settings.LOGGING
    assert logged["formatters"]["line"]["()"].endswith(RedactingFormatter.__name__)
    for handler in logged["handlers"].values():
        assert handler["formatter"] == "line"
    logging.config.dictConfig(logged)
    loggers = [logging.getLogger(), *logging.Logger.manager.loggerDict.values()]
    handlers = [
        handler
        for logger in loggers
        if isinstance(logger, logging.Logger)
        for handler in logger.handlers
        if type(handler) is logging.StreamHandler
    ]
    assert handlers
    for handler in handlers:
        assert isinstance(handler.formatter, RedactingFormatter)


def routes(
    patterns: Iterable[URLPattern | URLResolver], above: str = "", space: str = ""
) -> Iterator[tuple[str, str]]:
    for pattern in patterns:
        route = above + str(pattern.pattern)
        if isinstance(pattern, URLResolver):
            inner = f"{pattern.namespace}:" if pattern.namespace else ""
            yield from routes(pattern.url_patterns, route, space + inner)
        else:
            yield f"{space}{pattern.name}", route


# Addresses for everybody whose parameter is no secret.
PUBLIC = {"api:schema"}


@pytest.mark.plain
def test_every_address_whose_parameter_is_a_secret_is_known() -> None:
    found = {
        route.split("/")[0]
        for name, route in routes(get_resolver().url_patterns)
        if any(one.permission == ANYBODY for one in ENDPOINTS[name].values())
        and "<" in route
        and name not in PUBLIC
    }
    assert found | SIGNED_IN_ONLY == set(SECRET_ADDRESSES)


@pytest.mark.plain
@pytest.mark.parametrize("address", ADDRESSES)
@pytest.mark.parametrize(
    "error", [RuntimeError, BadRequest, SuspiciousOperation, PermissionDenied, Http404]
)
def test_an_address_that_fails_is_logged_without_its_secret(
    monkeypatch: pytest.MonkeyPatch,
    log: Log,
    address: str,
    error: type[Exception],
) -> None:
    def fail(_self: object, request: Any, *_: Any) -> None:
        message = f"{request!r} and {request.build_absolute_uri()}"
        raise error(message)

    monkeypatch.setattr(PermissionMiddleware, "process_view", fail)
    client = Client(raise_request_exception=False)
    client.get(f"{address}?token={SECRET}", headers={"Referer": f"http://x{address}"})
    assert SECRET_ADDRESSES[ADDRESSES.index(address)] in log()
    assert not has_secret(log())


@pytest.mark.plain
@pytest.mark.parametrize(
    ("method", "path"),
    [
        *(("DELETE", address) for address in ADDRESSES),
        *(("GET", f"{address}/") for address in ADDRESSES),
        *(("GET", address.replace("/", "/x/", 1)) for address in ADDRESSES),
        *(("GET", address.replace("/", "//", 1)) for address in ADDRESSES),
        *(("GET", address.title()) for address in ADDRESSES),
        ("GET", f"/{SECRET}"),
        ("GET", f"/{FEED}"),
        ("GET", f"/sign-in/{SECRET}"),
        ("GET", f"/x?next=/new-password/7/{SECRET}"),
        ("POST", f"/new-password/7/{SECRET}"),
    ],
)
def test_an_address_that_is_nearly_right_is_logged_without_its_secret(
    log: Log, method: str, path: str
) -> None:
    client = Client(raise_request_exception=False, enforce_csrf_checks=True)
    assert client.generic(method, path).status_code in {403, 404, 405}
    assert log()
    assert not has_secret(log())


@pytest.mark.plain
@pytest.mark.parametrize(
    ("path", "told"),
    [
        ("/no/such-page.php", "Not Found: /no/such-page.php"),
        ("/no/such%0aERROR page", "Not Found: /no/…"),
        ("/api/v1/nothing", "Not Found: /api/…/nothing"),
    ],
)
def test_an_unknown_path_is_logged_readably_on_one_line(
    log: Log, path: str, told: str
) -> None:
    Client().get(path)
    assert log() == f"WARNING django.request: {told}\n"


@pytest.mark.plain
@pytest.mark.parametrize(
    ("text", "shown"),
    [
        (f"GET /new-password/7/{SECRET}", "GET /new-password/…"),
        (f"next=%2Fnew-password%2F7%2F{SECRET}&x", "next=%2Fnew-password%2F…"),
        (f"'path': 'calendar/{FEED}.ics'", "'path': 'calendar/…'"),
        (f"at https://s3.example/a/b?X-Signature={SECRET}", "https://s3.example/a/b?…"),
        ("postgres://portal_app:pa55word@db/portal", "postgres://…@db/portal"),
        ("redis://:pa55word@db/0", "redis://…@db/0"),
        ("Authorization: Bearer usg_abcdef-ghijkl", "Authorization: …"),
        ("{'Authorization': 'AWS4-HMAC-SHA256 x'}", "{'Authorization': …"),
        ("token usg_abcdef-ghijkl is not known", "token usg_… is not known"),
        ("sent Bearer abcdef.ghijkl now", "sent Bearer … now"),
        ("sessionid=0123abcd; x", "sessionid=…; x"),
    ],
)
def test_what_has_the_form_of_a_secret_is_cut(text: str, shown: str) -> None:
    assert shown in redact(text)
    for secret in (SECRET, FEED, "pa55word", "ghijkl", "HMAC", "0123abcd"):
        assert secret not in redact(text)


@pytest.mark.plain
@pytest.mark.parametrize(
    "text",
    [
        'File "/opt/portal/billing/calendar_view/presenters.py", line 7, in rows',
        "wrote mail 'Link: 3 files?' to /data/mail/20260605T000030-0123abcd.eml",
        "An object was not taken (row 7): 403",
        "Under inbox/200001/IC01_1.usg lie other bytes than ours",
        "what is missing? nothing",
    ],
)
def test_text_without_secrets_is_logged_unchanged(text: str) -> None:
    assert redact(text) == text


LITERAL = "quince-literal"


def fail_in_database(statement: str) -> None:
    with connection.cursor() as cursor:
        cursor.execute(statement, [LITERAL] * statement.count("%s"))


@pytest.mark.plain
def test_a_query_of_too_many_fields_is_not_logged(log: Log) -> None:
    assert Client().get("/sign-in?" + "a&" * 1_500).status_code == 400
    assert log() == ""


@pytest.mark.plain
@pytest.mark.parametrize(
    "piece",
    [":", "://", "://:", ",/", "/?", "out of range ", "Bearer ", "Cookie", "\n://:"],
)
def test_a_long_line_of_anybody_takes_no_time(piece: str) -> None:
    # As long as the head of a request; no other thread runs meanwhile.
    text = "Invalid HTTP request line: 'GET ://" + piece * (20_000 // len(piece))
    begin = time.perf_counter()
    redact(text)
    assert time.perf_counter() - begin < 0.5


@pytest.mark.plain
@pytest.mark.parametrize(
    "secret",
    [
        "redis://:swordfish@127.0.0.1",
        "usg_swordfish",
        "/calendar/swordfish",
        "Bearer swordfish",
        'invalid input syntax for type uuid: "swordfish and so on"',
    ],
)
def test_a_long_line_is_cut_without_half_a_secret(secret: str) -> None:
    for room in range(1_940, 2_010):
        text = redact("x " * (room // 2) + secret + " y" * 1_000)
        assert "sword" not in text
        assert len(text) < 2_100
        assert "…" in text


@pytest.mark.parametrize(
    ("statement", "told"),
    [
        (
            "insert into portal_cache values (%s, %s, now()), (%s, %s, now())",
            "duplicate key value",
        ),
        (
            "insert into portal_cache values (%s, E'quince-literal\\n\\nx', null)",
            "not-null constraint",
        ),
        ("select %s::text nonsense quince-literal", "syntax error"),
        ("select %s::text::uuid", "invalid input syntax"),
        ("select %s::text::bigint", "invalid input syntax"),
        ("select %s from quince_literal", "does not exist"),
    ],
)
def test_a_failed_statement_is_logged_without_its_values(
    db: None, log: Log, statement: str, told: str
) -> None:
    with pytest.raises(DatabaseError) as found:
        fail_in_database(statement)
    logger, error = logging.getLogger("portal"), found.value
    logger.error("It failed", exc_info=error)
    logger.warning("It failed: %s", error)
    logger.warning("It failed: %r", error)
    assert log().count("It failed") == 3
    assert told in log()
    assert "Traceback" in log()
    assert LITERAL not in log()


def test_the_web_server_logs_a_broken_request_without_its_secret(
    tmp_path: Path, worker_id: str
) -> None:
    with running_portal(tmp_path, database="none") as running:
        for address in ADDRESSES:
            head = f"GET {address}\r\nHost: x\r\n\r\n"
            assert running.send_raw(head.encode()).status == 400
    for first in SECRET_ADDRESSES:
        assert f"'GET /{first}/" in running.log
    assert not has_secret(running.log)
