"""API schemas of access checks."""

from typing import Annotated

from ninja import Schema
from pydantic import Field, StringConstraints

from portal.typed_text.schemas import Line
from usage.connectivity.results import ReportedAccess
from usage.models import MACHINE_CHARACTERS
from usage.usg.client.access_check import AccessReport
from usage.usg.client.access_probe import (
    DETAIL_CHARACTERS,
    NameProbe,
    ProbeOutcome,
)
from usage.usg.client.access_text import advice_of, title_of

# Most names in a report, and most addresses of a name.
NAMES_AT_MOST, ADDRESSES_AT_MOST = 20, 20

Short = Annotated[Line, StringConstraints(max_length=200)]
Detail = Annotated[Line, StringConstraints(max_length=DETAIL_CHARACTERS)]
HostName = Annotated[Line, StringConstraints(min_length=1, max_length=253)]
Machine = Annotated[
    Line, StringConstraints(min_length=1, max_length=MACHINE_CHARACTERS)
]


class NameIn(Schema):
    """What was found of one name; `seconds` is how long it took."""

    name: HostName
    is_of_bucket: bool
    outcome: ProbeOutcome
    addresses: Annotated[list[Short], Field(max_length=ADDRESSES_AT_MOST)] = []
    tls: Short = ""
    issuer: Short = ""
    status: Annotated[int, Field(ge=0, le=999)] | None = None
    code: Short = ""
    detail: Detail = ""
    seconds: Annotated[float, Field(ge=0, le=86_400, allow_inf_nan=False)] = 0.0


class AccessCheckIn(Schema):
    """The result of `verify-access --json` on a machine, with the machine's name.

    Its `conclusion`, `title` and `advice` may be included, and are ignored: the portal
    draws its own conclusion.
    """

    machine: Machine
    names: Annotated[list[NameIn], Field(min_length=1, max_length=NAMES_AT_MOST)]


class AccessCheckOut(Schema):
    """The conclusion, its title and what to do."""

    conclusion: str
    title: str
    advice: list[str]


def reported_of(sent: AccessCheckIn) -> ReportedAccess:
    """Return the report, with the probes of the bucket apart from those of S3."""
    probes = [
        (
            one.is_of_bucket,
            NameProbe(
                name=one.name,
                outcome=one.outcome,
                addresses=tuple(one.addresses),
                tls=one.tls,
                issuer=one.issuer,
                status=one.status,
                code=one.code,
                detail=one.detail,
                seconds=one.seconds,
            ),
        )
        for one in sent.names
    ]
    return ReportedAccess(
        machine=sent.machine,
        bucket=[one for is_of_bucket, one in probes if is_of_bucket],
        service=[one for is_of_bucket, one in probes if not is_of_bucket],
    )


def access_out(report: AccessReport) -> AccessCheckOut:
    """Return the conclusion with its texts."""
    return AccessCheckOut(
        conclusion=report.conclusion.value,
        title=title_of(report),
        advice=advice_of(report),
    )
