"""The access check in networks that are realistic, and not what one expects."""

from typing import Any

from tests.usage.access.s3_names import EVERY, NAMES, Network, running
from usage.usg.client.access_check import Conclusion, Names, check_access, conclude
from usage.usg.client.access_probe import NameProbe, ProbeLimits, ProbeOutcome

FIRST = NAMES.bucket[0]

# Seconds: with what threads need on a busy machine.
LONG = 20.0


def test_a_certificate_for_another_name_is_somebody_elses_whoever_issued_it() -> None:
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
