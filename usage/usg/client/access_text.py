"""Says in words, and in JSON, what an access check has found and what to do."""

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from usage.usg.client.access_check import AccessReport, Conclusion, is_foreign
from usage.usg.client.access_probe import NameProbe, ProbeOutcome

# Amazon publishes the addresses of its services as JSON.
RANGES = "https://ip-ranges.amazonaws.com/ip-ranges.json"

_RANGES = (
    "If it can only allow addresses, allow those that Amazon publishes for S3 in"
    f" {{region}}: in {RANGES} these are the entries of `prefixes` with `service` S3"
    " and `region` {region}. The list changes, so it has to be read again regularly."
)

_TITLES: Mapping[Conclusion, str] = {
    Conclusion.WORKS: "Access works: both names of the bucket answer AccessDenied.",
    Conclusion.WORKS_PARTLY: "Access works for {good}, and not for {bad}.",
    Conclusion.OTHER_ANSWER: "S3 is reached, and its answer is not AccessDenied.",
    Conclusion.INTERCEPTED: "Something between this machine and Amazon answers.",
    Conclusion.PROXY: "The proxy does not let this machine through.",
    Conclusion.NAMES_BLOCKED: "S3 is reached, and the bucket's names are blocked.",
    Conclusion.PORT_BLOCKED: "All names are resolved, and no connection is made.",
    Conclusion.CUT: "Connections are made, and end before S3 answers.",
    Conclusion.NAMES_FILTERED: "DNS does not resolve the names of the bucket.",
    Conclusion.DNS_BROKEN: "DNS does not resolve Amazon's names.",
}

_ADVICE: Mapping[Conclusion, tuple[str, ...]] = {
    Conclusion.WORKS: ("Nothing is to be done.",),
    Conclusion.WORKS_PARTLY: (
        "The bucket is in {region}, and {regional} is its name there: with this one"
        " the automated upload needs no redirect.",
        "Ask whoever runs the firewall and DNS to allow both names at port {port}.",
    ),
    Conclusion.OTHER_ANSWER: (
        "The document {codes} is not the expected one. Check the name of the bucket,"
        " and ask the vendor whether the bucket has moved.",
    ),
    Conclusion.INTERCEPTED: (
        "Ask whoever runs the network which proxy or firewall opens TLS connections to"
        " {names}, and to let connections from this machine to these names through"
        " unopened. A sign-in page of the network has to be passed first.",
    ),
    Conclusion.PROXY: (
        "Ask whoever runs the proxy to let this machine connect to {names} at port"
        " {port} without a sign-in, or for a user and a password.",
    ),
    Conclusion.NAMES_BLOCKED: (
        "Ask whoever runs the firewall to allow {names} at port {port}.",
        _RANGES,
    ),
    Conclusion.PORT_BLOCKED: (
        "Ask whoever runs the firewall to allow connections to {names} at port {port}.",
        _RANGES,
        "Run the check again afterwards.",
    ),
    Conclusion.CUT: (
        "A firewall that inspects connections is the usual reason. Ask whoever runs it"
        " to let TLS connections to {names} at port {port} through.",
        "Run the check again afterwards.",
    ),
    Conclusion.NAMES_FILTERED: (
        "Other names of Amazon are resolved: a filter leaves these out. Ask whoever"
        " runs DNS to let {names} be resolved.",
        "Run the check again afterwards.",
    ),
    Conclusion.DNS_BROKEN: (
        "Repair DNS on this machine or in its network first: these names have to be"
        " resolved. Run the check again afterwards.",
    ),
}

_OUTCOMES: Mapping[ProbeOutcome, str] = {
    ProbeOutcome.DENIED: "S3 answers AccessDenied, as it should",
    ProbeOutcome.OTHER_ANSWER: "S3 answers, but not AccessDenied",
    ProbeOutcome.OTHER_PAGE: "the answer is not S3's",
    ProbeOutcome.NO_ANSWER: "connected, and no answer",
    ProbeOutcome.CERTIFICATE: "the certificate is not trusted",
    ProbeOutcome.TLS_FAILED: "no TLS connection",
    ProbeOutcome.PROXY_SIGN_IN: "the proxy asks for a sign-in",
    ProbeOutcome.PROXY_REFUSED: "the proxy makes no connection",
    ProbeOutcome.PROXY_AWAY: "the proxy does not answer",
    ProbeOutcome.NOT_CONNECTED: "no connection",
    ProbeOutcome.NOT_RESOLVED: "DNS does not resolve the name",
}


def title_of(report: AccessReport) -> str:
    """Return the conclusion as one sentence."""
    return _TITLES[report.conclusion].format(**_values(report))


def advice_of(report: AccessReport) -> list[str]:
    """Return what to do, as sentences, in order."""
    values = _values(report)
    return [one.format(**values) for one in _ADVICE[report.conclusion]]


def outcome_of(one: NameProbe) -> str:
    """Return how a probe ended, in words."""
    text = _OUTCOMES[one.outcome]
    return f"{text}: {one.detail}" if one.detail else text


def lines_of(report: AccessReport) -> Iterator[str]:
    """Yield the report for a terminal: each name, the conclusion, what to do."""
    for one in (*report.bucket, *report.service):
        yield f"{one.name}: {outcome_of(one)}"
        found = [
            ", ".join(one.addresses),
            one.tls,
            f"certificate of {one.issuer}" if one.issuer else "",
            f"status {one.status}" if one.status else "",
            one.code,
        ]
        told = "; ".join(part for part in found if part)
        if told:
            yield f"  {told}; {one.seconds:.1f} s"
    yield ""
    yield title_of(report)
    yield from advice_of(report)


def as_json(report: AccessReport) -> dict[str, Any]:
    """Return the report as the portal's API takes it."""
    return {
        "conclusion": report.conclusion.value,
        "title": title_of(report),
        "advice": advice_of(report),
        "names": [
            {
                "name": one.name,
                "is_of_bucket": one in report.bucket,
                "outcome": one.outcome.value,
                "addresses": list(one.addresses),
                "tls": one.tls,
                "issuer": one.issuer,
                "status": one.status,
                "code": one.code,
                "detail": one.detail,
                "seconds": one.seconds,
            }
            for one in (*report.bucket, *report.service)
        ],
    }


def _values(report: AccessReport) -> dict[str, str]:
    def is_good(one: NameProbe) -> bool:
        return one.outcome is ProbeOutcome.DENIED and not is_foreign(one, report.names)

    return {
        "good": _joined(one.name for one in report.bucket if is_good(one)),
        "bad": _joined(one.name for one in report.bucket if not is_good(one)),
        "names": _joined(one.name for one in report.bucket),
        "codes": _joined({one.code for one in report.bucket if one.code}) or "it sent",
        "regional": report.bucket[-1].name,
        "region": report.names.region,
        "port": str(report.port),
    }


def _joined(names: Iterable[str]) -> str:
    return " and ".join(names)
