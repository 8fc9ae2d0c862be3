"""Checks whether a server can reach the S3 location of the automated upload.

The vendor's page "Verify Access for the Automated Upload" lists two names of the
bucket, for which S3's document `AccessDenied` is success, and four names of S3 to try
if those do not answer. `check_access` tries all six at once and draws one conclusion.
"""

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from enum import StrEnum

from usage.usg.client.access_probe import NameProbe, ProbeLimits, ProbeOutcome, probe
from usage.usg.client.proxy import Proxy, from_environment

BUCKET, REGION = "pureconnectusage", "us-east-2"

# Part of the name of the issuer of Amazon's certificates.
ISSUER = "Amazon"


@dataclass(frozen=True, slots=True)
class Names:
    """The names to reach: those of the bucket, and those of S3 without a bucket."""

    bucket: tuple[str, ...]
    service: tuple[str, ...]
    region: str = REGION
    issuer: str = ISSUER


def names_of(bucket: str = BUCKET, region: str = REGION) -> Names:
    """Return the documented names, in the documented order."""
    return Names(
        bucket=(
            f"{bucket}.s3.amazonaws.com",
            f"{bucket}.s3-{region}.amazonaws.com",
        ),
        service=(
            f"s3.{region}.amazonaws.com",
            f"s3-{region}.amazonaws.com",
            f"s3.dualstack.{region}.amazonaws.com",
            "s3.amazonaws.com",
        ),
        region=region,
    )


@dataclass(frozen=True, slots=True)
class AccessTarget:
    """The names that an access check tries to reach, and their port."""

    names: Names
    port: int = 443


DOCUMENTED = AccessTarget(names_of())


# Returns the proxy for a name, or None.
Ways = Callable[[str], Proxy | None]


def ways_to(names: Names, proxy: Proxy | None) -> Ways:
    """Return the way to each name: a proxy, or else what the environment says.

    Raises:
        ValueError: HTTPS_PROXY is no address of an HTTP proxy.

    """
    every = (*names.bucket, *names.service)
    return {name: proxy or from_environment(name) for name in every}.get


class Conclusion(StrEnum):
    """What follows from all probes together."""

    WORKS = "works"
    WORKS_PARTLY = "works-partly"
    OTHER_ANSWER = "other-answer"
    INTERCEPTED = "intercepted"
    CLOCK = "clock"
    AUTHORITY_UNKNOWN = "authority-unknown"
    PROXY = "proxy"
    NAMES_BLOCKED = "names-blocked"
    PORT_BLOCKED = "port-blocked"
    CUT = "cut"
    NAMES_FILTERED = "names-filtered"
    DNS_BROKEN = "dns-broken"


@dataclass(frozen=True, slots=True)
class AccessReport:
    """The conclusion, and the probes of the bucket's names and of S3's names."""

    conclusion: Conclusion
    bucket: tuple[NameProbe, ...]
    service: tuple[NameProbe, ...]
    names: Names
    port: int

    @property
    def works(self) -> bool:
        return self.conclusion is Conclusion.WORKS


_BY_PROXY = frozenset(
    {ProbeOutcome.PROXY_SIGN_IN, ProbeOutcome.PROXY_REFUSED, ProbeOutcome.PROXY_AWAY}
)
_BY_ANOTHER = frozenset({ProbeOutcome.CERTIFICATE, ProbeOutcome.OTHER_PAGE})
_CUT = frozenset({ProbeOutcome.NO_ANSWER, ProbeOutcome.TLS_FAILED})
_BY_S3 = frozenset(
    {
        *(ProbeOutcome.DENIED, ProbeOutcome.OTHER_ANSWER),
        *(ProbeOutcome.CERTIFICATE_DATE, ProbeOutcome.AUTHORITY),
    }
)

# What one of the bucket's names says, the first that is found.
_BY_OUTCOMES = (
    (_BY_PROXY, Conclusion.PROXY),
    ({ProbeOutcome.OTHER_ANSWER}, Conclusion.OTHER_ANSWER),
    ({ProbeOutcome.CERTIFICATE_DATE}, Conclusion.CLOCK),
    ({ProbeOutcome.AUTHORITY}, Conclusion.AUTHORITY_UNKNOWN),
)


def check_access(
    names: Names, limits: ProbeLimits, proxy: Proxy | Ways | None = None
) -> AccessReport:
    """Try all names at once, within the time limit of one; see `conclude`.

    `proxy` is the way to all names, or returns the way to each.

    Raises:
        OSError: the file of `limits.authorities` cannot be read.

    """
    ways = proxy if callable(proxy) else lambda _: proxy
    wanted = (*names.bucket, *names.service)
    with ThreadPoolExecutor(len(wanted)) as pool:
        probes = tuple(pool.map(lambda name: probe(name, limits, ways(name)), wanted))
    count = len(names.bucket)
    bucket, service = probes[:count], probes[count:]
    found = conclude(bucket, service, names)
    return AccessReport(found, bucket, service, names, limits.port)


def conclude(
    bucket: Sequence[NameProbe], service: Sequence[NameProbe], names: Names
) -> Conclusion:
    """Return what follows from the probes of the bucket's names and of S3's names."""
    good = [
        one
        for one in bucket
        if one.outcome is ProbeOutcome.DENIED and not is_foreign(one, names)
    ]
    if good:
        is_all = len(good) == len(bucket)
        return Conclusion.WORKS if is_all else Conclusion.WORKS_PARTLY
    return _of_answers(bucket, names) or (
        _of_service(bucket, service, names) or _of_silence(bucket, service)
    )


def is_foreign(one: NameProbe, names: Names) -> bool:
    """Return whether the certificate or the answer is not verifiably Amazon's."""
    is_unnamed = one.outcome is ProbeOutcome.AUTHORITY and not one.issuer
    is_issued_by_another = bool(one.issuer) and names.issuer not in one.issuer
    return one.outcome in _BY_ANOTHER or is_unnamed or is_issued_by_another


def _of_answers(bucket: Sequence[NameProbe], names: Names) -> Conclusion | None:
    """Conclude from an answer to one of the bucket's names, if there is one."""
    if any(is_foreign(one, names) for one in bucket):
        return Conclusion.INTERCEPTED
    found = {one.outcome for one in bucket}
    every = (conclusion for outcomes, conclusion in _BY_OUTCOMES if found & outcomes)
    return next(every, None)


def _of_service(
    bucket: Sequence[NameProbe], service: Sequence[NameProbe], names: Names
) -> Conclusion | None:
    """Conclude from an answer to one of S3's names, if there is one."""
    if any(is_foreign(one, names) for one in service):
        return Conclusion.INTERCEPTED
    if not any(one.outcome in _BY_S3 for one in service):
        return None
    is_filtered = all(one.outcome is ProbeOutcome.NOT_RESOLVED for one in bucket)
    return Conclusion.NAMES_FILTERED if is_filtered else Conclusion.NAMES_BLOCKED


def _of_silence(
    bucket: Sequence[NameProbe], service: Sequence[NameProbe]
) -> Conclusion:
    """Conclude from probes without an answer: DNS problems before blocked ports."""
    is_resolved = [one.outcome is not ProbeOutcome.NOT_RESOLVED for one in service]
    if not all(is_resolved):
        return Conclusion.DNS_BROKEN
    if all(one.outcome is ProbeOutcome.NOT_RESOLVED for one in bucket):
        # Without other names nothing says that DNS works at all.
        return Conclusion.NAMES_FILTERED if service else Conclusion.DNS_BROKEN
    is_cut = any(one.outcome in _CUT for one in (*bucket, *service))
    return Conclusion.CUT if is_cut else Conclusion.PORT_BLOCKED
