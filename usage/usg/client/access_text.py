"""Renders the report of an access check, as text with advice and as JSON."""

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from usage.usg.client.access_check import AccessReport, Conclusion, is_foreign
from usage.usg.client.access_probe import NameProbe, ProbeOutcome

# Amazon publishes the addresses of its services as JSON.
RANGES = "https://ip-ranges.amazonaws.com/ip-ranges.json"

# Where Amazon publishes its root certificates.
ROOTS = "https://www.amazontrust.com/repository/"

_RANGES = (
    "A firewall that filters by address has to allow the addresses that Amazon"
    f" publishes for S3 in {{region}}: in {RANGES}, the entries of `prefixes` with"
    " `service` S3 and `region` {region}. The list changes, so update the rule"
    " regularly."
)

_PROXY = (
    "If this network reaches the internet only through a proxy, run the check again"
    " with `--proxy http://HOST:PORT`."
)

_AGAIN = "Run the check again afterwards."

_TITLES: Mapping[Conclusion, str] = {
    Conclusion.WORKS: "Access works: S3 answers AccessDenied, as expected.",
    Conclusion.WORKS_PARTLY: "Access works for {good}, but not for {bad}.",
    Conclusion.OTHER_ANSWER: "S3 is reached, but its answer is not the expected one.",
    Conclusion.INTERCEPTED: "The certificate or the answer is not verifiably Amazon's.",
    Conclusion.CLOCK: "Amazon's certificate is not valid at the time of this server.",
    Conclusion.AUTHORITY_UNKNOWN: (
        "This server does not trust the authority that issued Amazon's certificate."
    ),
    Conclusion.PROXY: "The proxy does not connect this server to the bucket.",
    Conclusion.NAMES_BLOCKED: "S3 is reached, but the names of the bucket are blocked.",
    Conclusion.PORT_BLOCKED: "DNS resolves the names, but no connection is made.",
    Conclusion.CUT: "Connections are made, but no answer is received.",
    Conclusion.NAMES_FILTERED: "DNS does not resolve the names of the bucket.",
    Conclusion.DNS_BROKEN: "DNS does not resolve Amazon's names.",
}

_ADVICE: Mapping[Conclusion, tuple[str, ...]] = {
    Conclusion.WORKS: ("No action is needed.",),
    Conclusion.WORKS_PARTLY: (
        "Ask whoever runs the firewall and DNS to allow {bad} at port {port} too.",
        "{regional} is the name of the bucket in its region {region}: uploads to this"
        " name need no redirect.",
    ),
    Conclusion.OTHER_ANSWER: (
        "S3 answers with {codes}; expected is AccessDenied with status 403. Run the"
        " check again in a few minutes: S3 can be busy.",
        "If the answer stays the same, check the name of the bucket, and ask the vendor"
        " whether the bucket has moved.",
    ),
    Conclusion.INTERCEPTED: (
        "A proxy or firewall opens the TLS connection. Ask whoever runs the network to"
        " exempt connections from this server to {names} from TLS inspection.",
        "If the network has a sign-in page, sign in first.",
        _AGAIN,
    ),
    Conclusion.CLOCK: (
        "Correct date, time and time zone of this server.",
        "If they are right, ask whoever runs the network which proxy or firewall opens"
        " TLS connections to {names}.",
        _AGAIN,
    ),
    Conclusion.AUTHORITY_UNKNOWN: (
        f"Install Amazon's root certificates on this server, from {ROOTS}. Windows"
        " usually installs them when PowerShell opens the address:"
        " `Invoke-WebRequest https://{regional}`.",
        "If they are installed, ask whoever runs the network which proxy or firewall"
        " opens TLS connections to {names}.",
        _AGAIN,
    ),
    Conclusion.PROXY: (
        "If the proxy does not answer, check its address in `--proxy` or in the"
        " variable HTTPS_PROXY.",
        "If the proxy asks for a sign-in, use `--proxy http://USER:PASSWORD@HOST:PORT`,"
        " or ask whoever runs the proxy to allow this server without a sign-in.",
        "If the proxy makes no connection, ask whoever runs the proxy to let this"
        " server connect to {names} at port {port}.",
    ),
    Conclusion.NAMES_BLOCKED: (
        "Ask whoever runs the firewall to allow connections from this server to {names}"
        " at port {port}.",
        _RANGES,
        _AGAIN,
    ),
    Conclusion.PORT_BLOCKED: (
        _PROXY,
        "Otherwise ask whoever runs the firewall to allow connections from this server"
        " to {names} at port {port}. Check the outbound rules of the server's own"
        " firewall too.",
        _RANGES,
        _AGAIN,
    ),
    Conclusion.CUT: (
        "Usually a firewall that inspects connections ends them. Ask whoever runs the"
        " firewall to allow TLS connections from this server to {names} at port {port}"
        " without inspection.",
        _AGAIN,
    ),
    Conclusion.NAMES_FILTERED: (
        "DNS resolves other names of Amazon, so a DNS filter probably blocks these. Ask"
        " whoever runs DNS to resolve {names}.",
        _AGAIN,
    ),
    Conclusion.DNS_BROKEN: (
        _PROXY,
        "Otherwise repair DNS on this server or in its network first: {names} must be"
        " resolved. `nslookup {regional}` shows which DNS server answers.",
        _AGAIN,
    ),
}

_OUTCOMES: Mapping[ProbeOutcome, str] = {
    ProbeOutcome.DENIED: "S3 answers AccessDenied, as it should",
    ProbeOutcome.OTHER_ANSWER: "S3 answers, but not AccessDenied",
    ProbeOutcome.OTHER_PAGE: "the answer is not S3's",
    ProbeOutcome.NO_ANSWER: "connected, but no answer",
    ProbeOutcome.CERTIFICATE: "the certificate is not trusted",
    ProbeOutcome.CERTIFICATE_DATE: "the certificate is not valid at this time",
    ProbeOutcome.AUTHORITY: "the issuer of the certificate is not known here",
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
    """Return what to do: paragraphs, in order."""
    values = _values(report)
    return [one.format(**values) for one in _ADVICE[report.conclusion]]


def outcome_of(one: NameProbe) -> str:
    """Return how a probe ended, as text with its detail."""
    text = _OUTCOMES[one.outcome]
    return f"{text}: {one.detail}" if one.detail else text


def lines_of(report: AccessReport) -> Iterator[str]:
    """Yield the report for a terminal: each name, the conclusion, what to do."""
    for one in (*report.bucket, *report.service):
        yield f"{one.name}: {outcome_of(one)}"
        found = [
            ", ".join(one.addresses),
            one.tls,
            f"certificate issued by {one.issuer}" if one.issuer else "",
            f"status {one.status}" if one.status else "",
            one.code,
        ]
        facts = "; ".join(part for part in found if part)
        if facts:
            yield f"  {facts}; {one.seconds:.1f} s"
    yield ""
    yield title_of(report)
    yield from advice_of(report)


def as_json(report: AccessReport) -> dict[str, Any]:
    """Return the report as JSON values; its `names` are what the portal's API takes."""
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
        "codes": _joined(sorted({one.code for one in report.bucket if one.code}))
        or "another page",
        "regional": report.bucket[-1].name,
        "region": report.names.region,
        "port": str(report.port),
    }


def _joined(names: Iterable[str]) -> str:
    return " and ".join(names)
