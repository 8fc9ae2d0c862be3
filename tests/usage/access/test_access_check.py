"""Conclusions of the access check, against servers that imitate each situation."""

import json
import ssl
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.journeys import connect_proxy
from tests.journeys.connect_proxy import ConnectProxy
from tests.usage.access.s3_names import (
    EVERY,
    NAMES,
    Network,
    answer,
    hang_up,
    not_http,
    running,
    silent,
    trickle,
)
from usage.usg.__main__ import main
from usage.usg.client import access_text
from usage.usg.client.access_check import AccessReport, Conclusion, check_access
from usage.usg.client.access_probe import ProbeLimits, ProbeOutcome
from usage.usg.client.issuer import issuer_of
from usage.usg.client.proxy import Proxy

BUCKET, SERVICE = set(NAMES.bucket), set(NAMES.service)
FIRST, REGIONAL = NAMES.bucket

# Seconds: SHORT for a server that never ends, LONG for threads on a busy machine.
SHORT, LONG = 1.5, 20.0

PAGE = answer("200 OK", b"<html><title>Hotel Wi-Fi: sign in</title></html>")
MOVED = answer(
    "301 Moved Permanently",
    b"<Error><Code>PermanentRedirect</Code></Error>",
    "Server: AmazonS3",
)


def limits_of(network: Network, seconds: float = LONG) -> ProbeLimits:
    return ProbeLimits(network.port, seconds, network.authorities, network.resolve)


def checked(network: Network, *, seconds: float = LONG) -> AccessReport:
    with running(network):
        return check_access(NAMES, limits_of(network, seconds))


def playing(play: Any, *names: str) -> Network:
    network = Network()
    network.plays |= dict.fromkeys(names, play)
    return network


SITUATIONS: dict[str, tuple[Network, Conclusion]] = {
    "both names answer": (Network(), Conclusion.WORKS),
    "one name is closed": (Network(closed={FIRST}), Conclusion.WORKS_PARTLY),
    "one name is not resolved": (
        Network(unresolved={REGIONAL}),
        Conclusion.WORKS_PARTLY,
    ),
    "only the names of S3 are blocked, which is harmless": (
        Network(closed=SERVICE),
        Conclusion.WORKS,
    ),
    "the bucket's names are closed": (
        Network(closed=BUCKET),
        Conclusion.NAMES_BLOCKED,
    ),
    "the bucket's names and some others are closed": (
        Network(closed=BUCKET | {NAMES.service[0]}),
        Conclusion.NAMES_BLOCKED,
    ),
    "nothing connects": (Network(closed=set(EVERY)), Conclusion.PORT_BLOCKED),
    "nothing is resolved": (Network(unresolved=set(EVERY)), Conclusion.DNS_BROKEN),
    "some names are not resolved, the others do not connect": (
        Network(unresolved={FIRST, NAMES.service[1]}, closed=set(EVERY)),
        Conclusion.DNS_BROKEN,
    ),
    "only the bucket's names are not resolved": (
        Network(unresolved=BUCKET),
        Conclusion.NAMES_FILTERED,
    ),
    "the bucket's names are not resolved and the others do not connect": (
        Network(unresolved=BUCKET, closed=SERVICE),
        Conclusion.NAMES_FILTERED,
    ),
    "a certificate that nobody trusts": (
        Network(foreign=set(EVERY)),
        Conclusion.INTERCEPTED,
    ),
    "a trusted certificate of another issuer": (
        Network(inspected=set(EVERY)),
        Conclusion.INTERCEPTED,
    ),
    "a clock that is behind": (Network(future=set(EVERY)), Conclusion.CLOCK),
    "a machine without Amazon's root certificates": (
        Network(rootless=set(EVERY)),
        Conclusion.AUTHORITY_UNKNOWN,
    ),
    "the bucket's names are closed, and the clock is behind": (
        Network(closed=BUCKET, future=SERVICE),
        Conclusion.NAMES_BLOCKED,
    ),
    "a page of the network": (playing(PAGE, *EVERY), Conclusion.INTERCEPTED),
    "a page for one of the bucket's names": (
        playing(PAGE, FIRST),
        Conclusion.WORKS_PARTLY,
    ),
    "the bucket has moved": (playing(MOVED, *BUCKET), Conclusion.OTHER_ANSWER),
    "there is no such bucket": (
        playing(
            answer("404 Not Found", b"<Error><Code>NoSuchBucket</Code></Error>"),
            *BUCKET,
        ),
        Conclusion.OTHER_ANSWER,
    ),
    "AccessDenied with another status": (
        playing(answer("200 OK", b"<Error><Code>AccessDenied</Code></Error>"), *BUCKET),
        Conclusion.OTHER_ANSWER,
    ),
    "connections are closed without an answer": (
        playing(hang_up, *EVERY),
        Conclusion.CUT,
    ),
    "what answers does not speak HTTP": (
        playing(not_http, *EVERY),
        Conclusion.CUT,
    ),
}


@pytest.mark.parametrize("situation", SITUATIONS)
def test_each_situation_has_its_conclusion(situation: str) -> None:
    network, conclusion = SITUATIONS[situation]
    report = checked(network)
    assert report.conclusion is conclusion
    text = "\n".join(access_text.lines_of(report))
    assert access_text.title_of(report) in text
    assert "{" not in text
    assert all(name in text for name in EVERY)
    document = json.loads(json.dumps(access_text.as_json(report)))
    assert [one["name"] for one in document["names"]] == list(EVERY)


@pytest.mark.parametrize("play", [silent, trickle], ids=["silent", "a byte at a time"])
def test_a_server_that_never_ends_ends_the_check_in_time(play: Any) -> None:
    began = time.monotonic()
    report = checked(playing(play, *EVERY), seconds=SHORT)
    assert time.monotonic() - began < SHORT + 10
    assert report.conclusion is Conclusion.CUT
    assert {one.outcome for one in report.bucket} == {ProbeOutcome.NO_ANSWER}
    assert report.bucket[0].detail == "it did not end within 1.5 s"


def test_a_handshake_that_never_ends_ends_the_check_in_time() -> None:
    began = time.monotonic()
    report = checked(Network(stalling=set(EVERY)), seconds=SHORT)
    assert time.monotonic() - began < SHORT + 10
    assert report.conclusion is Conclusion.CUT
    assert {one.outcome for one in report.bucket} == {ProbeOutcome.TLS_FAILED}


def test_a_proxy_that_never_ends_its_answer_ends_the_check_in_time() -> None:
    began = time.monotonic()
    with running(Network(stalling={EVERY[0]}, unresolved=set(EVERY))) as network:
        limits = limits_of(network, SHORT)
        report = check_access(NAMES, limits, Proxy("127.0.0.1", network.port))
    assert time.monotonic() - began < SHORT + 10
    assert report.conclusion is Conclusion.PROXY
    assert {one.outcome for one in report.bucket} == {ProbeOutcome.PROXY_AWAY}


def test_a_resolver_that_never_answers_ends_the_check_in_time() -> None:
    network = Network()
    began = time.monotonic()

    def resolve(name: str, port: int) -> list[tuple[Any, ...]]:
        if name in BUCKET:
            time.sleep(15)
        return network.resolve(name, port)

    with running(network):
        limits = ProbeLimits(network.port, SHORT, network.authorities, resolve)
        report = check_access(NAMES, limits)
    assert time.monotonic() - began < SHORT + 10
    assert report.conclusion is Conclusion.NAMES_FILTERED


def test_a_dead_address_does_not_use_up_the_time_of_a_name() -> None:
    network = Network()

    def resolve(name: str, port: int) -> list[tuple[Any, ...]]:
        (good,) = network.resolve(name, port)
        # Nothing answers there, nor refuses.
        return [(*good[:4], ("127.0.3.1", port)), good]

    with running(network):
        limits = ProbeLimits(network.port, LONG, network.authorities, resolve)
        report = check_access(NAMES, limits)
    assert report.works
    assert report.bucket[0].addresses == ("127.0.3.1", "127.0.0.1")


def test_a_probe_returns_the_findings_of_its_steps() -> None:
    report = checked(Network(inspected={FIRST}, foreign={REGIONAL}))
    first, second = report.bucket
    assert (first.outcome, first.status, first.code) == (
        ProbeOutcome.DENIED,
        403,
        "AccessDenied",
    )
    assert first.addresses == ("127.0.0.1",)
    assert first.tls == "TLSv1.3"
    assert first.issuer == "Corporate Inspection, Corporate Inspection RSA 2048 M01"
    assert second.outcome is ProbeOutcome.AUTHORITY
    assert second.issuer == "Hotel Network, Hotel Network RSA 2048 M01"
    page = checked(playing(PAGE, FIRST)).bucket[0]
    assert page.detail == "Hotel Wi-Fi: sign in"


@pytest.fixture
def proxied() -> Iterator[tuple[Network, ConnectProxy]]:
    with (
        running(Network(unresolved=set(EVERY))) as network,
        connect_proxy.running(ConnectProxy(network.port)) as proxy,
    ):
        yield network, proxy


def through(network: Network, proxy: ConnectProxy) -> AccessReport:
    limits = limits_of(network)
    return check_access(NAMES, limits, Proxy("127.0.0.1", proxy.port))


def test_a_proxy_resolves_the_names_and_is_named_where_it_refuses(
    proxied: tuple[Network, ConnectProxy],
) -> None:
    network, proxy = proxied
    assert through(network, proxy).works
    proxy.credentials = "Basic dXNlcjpw"
    report = through(network, proxy)
    assert report.conclusion is Conclusion.PROXY
    assert {one.outcome for one in report.bucket} == {ProbeOutcome.PROXY_SIGN_IN}
    proxy.credentials, proxy.refusal = "", "403 Forbidden"
    report = through(network, proxy)
    assert report.conclusion is Conclusion.PROXY
    assert {one.outcome for one in report.bucket} == {ProbeOutcome.PROXY_REFUSED}


def test_a_proxy_that_is_away_is_named() -> None:
    network = Network(closed=set(EVERY))
    with running(network):
        limits = limits_of(network)
        report = check_access(NAMES, limits, Proxy("127.0.1.1", network.port))
    assert report.conclusion is Conclusion.PROXY
    assert {one.outcome for one in report.bucket} == {ProbeOutcome.PROXY_AWAY}


def test_the_command_prints_json_and_ends_with_one_unless_access_works(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("HTTPS_PROXY", "https_proxy"):
        monkeypatch.delenv(name, raising=False)
    arguments = [
        "verify-access",
        "--bucket",
        "no bucket.invalid",
        "--seconds",
        "3",
    ]
    assert main([*arguments, "--json"]) == 1
    document = json.loads(capsys.readouterr().out)
    assert document["names"][0]["outcome"] == "not-resolved"
    assert main(arguments) == 1
    assert document["title"] in capsys.readouterr().out


@pytest.mark.parametrize(
    "data", [b"", b"0", b"\x30\x84\xff\xff\xff\xff", b"\x30\x03abc"]
)
def test_a_certificate_that_cannot_be_read_has_no_issuer(data: bytes) -> None:
    assert issuer_of(data) == ""


def test_the_authorities_of_the_machine_have_issuers_that_are_read() -> None:
    path = Path(ssl.get_default_verify_paths().openssl_cafile)
    if not path.exists():
        path = Path("/etc/ssl/certs/ca-certificates.crt")
    pem = path.read_text(encoding="utf-8")
    end = "-----END CERTIFICATE-----"
    every = [one[one.index("-----BEGIN") :] + end for one in pem.split(end)[:-1]]
    assert len(every) > 50
    assert all(issuer_of(ssl.PEM_cert_to_DER_cert(one)) for one in every)
