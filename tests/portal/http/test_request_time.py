"""The time of receipt is when a request arrived, not when a worker was free."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.test import RequestFactory

from portal.http.request_time import received_at

pytestmark = pytest.mark.plain

NOW = datetime(2026, 6, 5, 0, 0, 30, tzinfo=UTC)


class Socket:
    def __init__(self, at: datetime) -> None:
        self.request_at = at.timestamp()


def request(stamp: str = "", *, socket: Socket | None = None) -> Any:
    headers = {"X-Request-Start": stamp} if stamp else {}
    asked = RequestFactory().put("/api/v1/files/a.usg", headers=headers)
    asked.environ["gunicorn.socket"] = socket
    return asked


def ago(**units: int) -> datetime:
    return NOW - timedelta(**units)


def stamp(at: datetime) -> str:
    return f"t={at.timestamp():.3f}"


def test_the_web_servers_own_stamp_counts() -> None:
    assert received_at(request(socket=Socket(ago(seconds=22))), at=NOW) == ago(
        seconds=22
    )


def test_without_any_stamp_it_is_now() -> None:
    assert received_at(request(), at=NOW) == NOW


@pytest.mark.parametrize("is_proxy_trusted", [False, True])
def test_a_stamp_counts_only_where_the_proxy_is_said_to_set_it(
    settings: Any, is_proxy_trusted: bool
) -> None:
    settings.TRUSTED_PROXY, settings.PROXY_STAMPS = is_proxy_trusted, False
    assert received_at(request(stamp(ago(minutes=5))), at=NOW) == NOW


def test_the_stamp_of_a_proxy_that_sets_it_comes_first(settings: Any) -> None:
    settings.PROXY_STAMPS = True
    asked = request(stamp(ago(minutes=9)), socket=Socket(ago(seconds=1)))
    assert received_at(asked, at=NOW) == ago(minutes=9)


@pytest.mark.parametrize(
    "odd",
    [
        "rubbish",
        "t=",
        "t=-5",
        "t=1e9",
        "1780617570",
        "t=99999999999999",
        "t=17806",
        f"{stamp(ago(minutes=5))}, {stamp(ago(seconds=1))}",  # a client's, appended to
        stamp(ago(hours=2)),
        stamp(NOW + timedelta(seconds=1)),
    ],
)
def test_a_stamp_that_cannot_be_right_is_left_out(settings: Any, odd: str) -> None:
    settings.PROXY_STAMPS = True
    assert received_at(request(odd), at=NOW) == NOW
