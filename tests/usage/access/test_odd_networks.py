"""The access check in networks that are realistic, and not what one expects."""

import socket
import time
from typing import Any

import pytest

from tests.usage.access.s3_names import EVERY, NAMES, Network, running
from usage.usg.client.access_check import (
    Conclusion,
    Names,
    check_access,
    conclude,
    ways_to,
)
from usage.usg.client.access_probe import NameProbe, ProbeLimits, ProbeOutcome
from usage.usg.client.proxy import Proxy

FIRST = NAMES.bucket[0]

# Seconds: with what threads need on a busy machine.
LONG = 20.0


def test_a_certificate_for_another_name_is_foreign_whatever_its_issuer() -> None:
    """A sign-in page at a provider that Amazon issues certificates for."""
    network = Network()
    names = Names(bucket=("b.s3.example",), service=NAMES.service[:1])

    def resolve(name: str, port: int) -> list[tuple[Any, ...]]:
        return network.resolve(EVERY[0], port)

    with running(network):
        limits = ProbeLimits(network.port, LONG, network.authorities, resolve)
        report = check_access(names, limits)
    (only,) = report.bucket
    assert report.conclusion is Conclusion.INTERCEPTED
    assert only.outcome is ProbeOutcome.CERTIFICATE
    assert only.issuer.startswith("Amazon")


def test_without_other_names_unresolved_ones_are_no_filter() -> None:
    bucket = [NameProbe(name=FIRST, outcome=ProbeOutcome.NOT_RESOLVED)]
    assert conclude(bucket, [], NAMES) is Conclusion.DNS_BROKEN


def test_a_name_that_dns_answers_with_no_server_counts_as_not_resolved() -> None:
    """A DNS filter that answers 0.0.0.0, which would reach the machine itself."""
    network = Network()

    def resolve(name: str, port: int) -> list[tuple[Any, ...]]:
        found = network.resolve(name, port)
        if name not in NAMES.bucket:
            return found
        blocked = (socket.AF_INET6, socket.SOCK_STREAM, 0, "", ("::", port, 0, 0))
        return [(*one[:4], ("0.0.0.0", port)) for one in found] + [blocked]

    with running(network):
        limits = ProbeLimits(network.port, LONG, network.authorities, resolve)
        report = check_access(NAMES, limits)
    assert report.conclusion is Conclusion.NAMES_FILTERED
    assert {one.outcome for one in report.bucket} == {ProbeOutcome.NOT_RESOLVED}
    assert "DNS answers 0.0.0.0" in report.bucket[0].detail


def test_a_proxy_whose_name_is_never_resolved_ends_the_check_in_time(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def resolve(*_: Any, **__: Any) -> list[Any]:
        time.sleep(15)
        return []

    monkeypatch.setattr(socket, "getaddrinfo", resolve)
    began = time.monotonic()
    report = check_access(NAMES, ProbeLimits(seconds=0.5), Proxy("proxy.example", 80))
    assert time.monotonic() - began < 12
    assert report.conclusion is Conclusion.PROXY


def test_many_addresses_of_ipv6_that_lead_nowhere_leave_a_turn_to_ipv4() -> None:
    network = Network()

    def resolve(name: str, port: int) -> list[tuple[Any, ...]]:
        # Nothing has these addresses, which are for documents.
        dead = [f"2001:db8::{one}" for one in range(1, 9)]
        kind = (socket.AF_INET6, socket.SOCK_STREAM, 0, "")
        return [
            *((*kind, (one, port, 0, 0)) for one in dead),
            *network.resolve(name, port),
        ]

    with running(network):
        limits = ProbeLimits(network.port, LONG, network.authorities, resolve)
        report = check_access(NAMES, limits)
    assert report.works


def test_a_name_in_no_proxy_is_reached_directly(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("HTTPS_PROXY", "http://127.0.0.1:9")
    monkeypatch.setenv("NO_PROXY", FIRST)
    with running(Network()) as net:
        limits = ProbeLimits(net.port, LONG, net.authorities, net.resolve)
        report = check_access(NAMES, limits, ways_to(NAMES, None))
    found = [one.outcome for one in report.bucket]
    assert found == [ProbeOutcome.DENIED, ProbeOutcome.PROXY_AWAY]
