"""Requests of tokens are limited for each token and network, in all processes."""

from collections import Counter
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.db import connection, connections
from django.test.utils import CaptureQueriesContext

from portal.accounts import request_limits
from portal.accounts.request_limits import RequestLimits, network_of
from portal.errors import Refused
from portal.models import RequestLevel
from tests.builders import Company

HERE, ELSEWHERE = "192.0.2.7", "192.0.2.8"

# A month of 50 servers: 31 files each, and for each server the questions and reports.
SENDERS, REQUESTS = 50, 31 + 4


class MonotonicClock:
    """A monotonic clock that tests move."""

    def __init__(self) -> None:
        self.now = 1_000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock(db: None, settings: Any) -> MonotonicClock:
    settings.TOKEN_REQUESTS_PER_SECOND = 20
    settings.NETWORK_REQUESTS_PER_SECOND = 100
    return MonotonicClock()


def count(limits: RequestLimits, requests: int, *, token: bytes = b"a") -> int:
    """Send requests of a token; return how many were let through."""
    return sum(is_let_in(limits, token) for _ in range(requests))


def is_let_in(limits: RequestLimits, token: bytes, address: str = HERE) -> bool:
    try:
        limits.count_token(token, address)
    except Refused:
        return False
    return True


def test_fifty_servers_with_one_token_send_a_month_at_once(
    clock: MonotonicClock,
) -> None:
    processes = [RequestLimits(clock) for _ in range(2)]
    let_in = sum(
        is_let_in(processes[number % 2], b"shared")
        for number in range(SENDERS * REQUESTS)
    )
    assert let_in == SENDERS * REQUESTS


def test_fifty_servers_with_their_own_tokens_send_two_months_at_once(
    clock: MonotonicClock,
) -> None:
    limits = RequestLimits(clock)
    for sender in range(SENDERS):
        assert count(limits, 2 * REQUESTS, token=bytes([sender])) == 2 * REQUESTS


def test_a_runaway_script_is_slowed_in_all_processes_together(
    clock: MonotonicClock,
) -> None:
    processes = [RequestLimits(clock) for _ in range(3)]
    let_in = sum(count(one, 5_000) for one in processes)
    # The burst that all share, and the few that each lets through by itself.
    assert 3_000 <= let_in <= 3_000 + 3 * 60 + 100


def test_it_does_not_slow_another_token_of_its_network(clock: MonotonicClock) -> None:
    limits = RequestLimits(clock)
    assert count(limits, 5_000) < 5_000
    assert count(limits, 500, token=b"b") == 500


def test_a_token_that_waits_as_it_is_told_goes_on(clock: MonotonicClock) -> None:
    limits = RequestLimits(clock)
    count(limits, 5_000)
    with pytest.raises(Refused, match="too-many-requests") as refusal:
        limits.count_token(b"a", HERE)
    assert 1 <= int(refusal.value.params["seconds"]) <= 6
    clock.now += int(refusal.value.params["seconds"])
    with connections["owner"].cursor() as cursor:
        cursor.execute(
            "update portal_requestlevel set at = at - interval '%s seconds'",
            [int(refusal.value.params["seconds"])],
        )
    assert count(limits, 100) == 100


def test_a_usual_night_needs_no_statement(clock: MonotonicClock) -> None:
    limits = RequestLimits(clock)
    with CaptureQueriesContext(connection) as queries:
        assert count(limits, 60) == 60
    assert len(queries) == 0


def test_a_fast_sender_needs_a_statement_for_a_hundred_requests(
    clock: MonotonicClock,
) -> None:
    limits = RequestLimits(clock)
    with CaptureQueriesContext(connection) as queries:
        assert count(limits, 2_060) == 2_060
    # One for the token and one for the network.
    assert len(queries) == 2 * 20


def test_refused_requests_need_no_statement_each(clock: MonotonicClock) -> None:
    limits = RequestLimits(clock)
    count(limits, 5_000)
    with CaptureQueriesContext(connection) as queries:
        assert count(limits, 1_000) == 0
    assert len(queries) == 0


def test_without_a_limit_nothing_is_counted(
    clock: MonotonicClock, settings: Any
) -> None:
    settings.TOKEN_REQUESTS_PER_SECOND = settings.NETWORK_REQUESTS_PER_SECOND = 0
    limits = RequestLimits(clock)
    assert count(limits, 10_000) == 10_000
    for number in range(100):
        limits.count_unknown(b"%d" % number, HERE)


def unknown(limits: RequestLimits, digest: bytes, address: str = HERE) -> bool:
    try:
        limits.count_unknown(digest, address)
    except Refused:
        return False
    return True


def test_guesses_are_slowed_for_each_network(clock: MonotonicClock) -> None:
    limits = RequestLimits(clock)
    answered = Counter(unknown(limits, b"%d" % number) for number in range(1_000))
    assert answered[True] == 20
    assert unknown(limits, b"first", ELSEWHERE)
    clock.now += 60
    assert unknown(limits, b"later")
    assert not unknown(limits, b"one more")


def test_a_server_with_an_old_token_stops_no_other_of_its_network(
    clock: MonotonicClock,
) -> None:
    limits = RequestLimits(clock)
    answered = Counter(unknown(limits, b"old") for _ in range(1_000))
    assert answered[True] == 60
    # Another old token is still told what is wrong, and valid ones get in.
    assert unknown(limits, b"another old one")
    assert count(limits, 500) == 500


def test_few_buckets_are_remembered(
    clock: MonotonicClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(request_limits, "_REMEMBERED", 10)
    limits = RequestLimits(clock)
    for number in range(100):
        unknown(limits, b"%d" % number, f"192.0.2.{number}")
    assert len(limits._buckets) <= 10


@pytest.mark.parametrize(
    ("address", "network"),
    [
        ("192.0.2.7", "192.0.2.7"),
        ("::ffff:192.0.2.7", "192.0.2.7"),
        ("2001:db8:1:2:3:4:5:6", "2001:db8:1:2::/64"),
        ("", ""),
        ("nonsense", ""),
    ],
)
@pytest.mark.plain
def test_addresses_of_one_customer_are_counted_together(
    address: str, network: str
) -> None:
    assert network_of(address) == network


def test_counts_that_nobody_uses_are_removed(clock: MonotonicClock) -> None:
    count(RequestLimits(clock), 200)
    request_limits.remove_unused(before=datetime.now(UTC) - timedelta(hours=1))
    assert RequestLevel.objects.count() == 2
    request_limits.remove_unused(before=datetime.now(UTC) + timedelta(hours=1))
    assert RequestLevel.objects.count() == 0


@pytest.fixture
def _own_limits(
    clock: MonotonicClock, monkeypatch: pytest.MonkeyPatch
) -> Iterator[None]:
    request_limits.LIMITS.clear()
    yield
    request_limits.LIMITS.clear()


@pytest.mark.usefixtures("_own_limits")
def test_the_api_answers_429_with_the_seconds_to_wait(
    alice: Company, api: Any, settings: Any
) -> None:
    settings.TOKEN_REQUESTS_PER_SECOND = 1
    answers = [api("GET", "/servers", token=alice.token) for _ in range(400)]
    refused = [one for one in answers if one.status_code == 429]
    assert refused
    assert refused[0].json()["code"] == "too-many-requests"
    assert 1 <= int(refused[0].headers["Retry-After"]) <= 101
    # No other token is affected.
    assert api("GET", "/servers", token=alice.issue("read")).status_code == 200


@pytest.mark.usefixtures("_own_limits")
def test_the_api_slows_who_guesses_and_lets_valid_tokens_in(
    alice: Company, api: Any
) -> None:
    codes = Counter(
        api("GET", "/files", token=f"usg_guess{number}").json()["code"]
        for number in range(25)
    )
    assert codes == {"token-unknown": 20, "too-many-requests": 5}
    assert api("GET", "/files", token=alice.token).status_code == 200
