"""Results of access checks: stored as machines report them, and read back."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass, fields
from datetime import datetime
from typing import Any

from django.conf import settings
from django.db.models import Count, Q

from portal.db import unit_of_work
from usage.models import AccessResult
from usage.usg.client.access_check import (
    AccessReport,
    Conclusion,
    Names,
    conclude,
)
from usage.usg.client.access_probe import NameProbe, ProbeOutcome

# Results kept for each tenant, one for each machine; the oldest are deleted.
MACHINES_KEPT = 200


@dataclass(frozen=True, slots=True)
class MachineResult:
    """The last result of a machine; who reported it, and when."""

    machine: str
    reported_at: datetime
    reported_by: str
    report: AccessReport


@dataclass(frozen=True, slots=True)
class ReportedAccess:
    """What a machine reports: its name, and its probes of both kinds of names."""

    machine: str
    bucket: Sequence[NameProbe]
    service: Sequence[NameProbe]


def record_access(
    tenant_id: int, reported: ReportedAccess, *, by: str, at: datetime
) -> AccessReport:
    """Store the result of a machine in place of its last one.

    The portal draws the conclusion from the probes, so a machine cannot claim another.
    Begins and ends a unit of work of its own.
    """
    report = _report(reported.bucket, reported.service)
    found = {
        "bucket": [asdict(one) for one in report.bucket],
        "service": [asdict(one) for one in report.service],
    }
    with unit_of_work.acting_for(tenant_id):
        AccessResult.objects.update_or_create(
            tenant_id=tenant_id,
            machine=reported.machine,
            defaults={
                "reported_at": at,
                "reported_by": by,
                "conclusion": report.conclusion.value,
                "found": found,
            },
        )
        kept = AccessResult.objects.order_by("-reported_at", "-pk")
        stale = list(kept.values_list("pk", flat=True)[MACHINES_KEPT:])
        if stale:
            rows = AccessResult.objects.filter(pk__in=stale)
            # Rows that another report has locked are left to that report: no deadlock.
            free = rows.select_for_update(skip_locked=True)
            rows.filter(pk__in=[one.pk for one in free]).delete()
    return report


def access_results() -> list[MachineResult]:
    """Return the results of all machines, by name; in the caller's unit of work."""
    return [
        MachineResult(
            machine=row.machine,
            reported_at=row.reported_at,
            reported_by=row.reported_by,
            report=_report(
                [_probe(one) for one in row.found["bucket"]],
                [_probe(one) for one in row.found["service"]],
            ),
        )
        for row in AccessResult.objects.order_by("machine")
    ]


@dataclass(frozen=True, slots=True)
class AccessCounts:
    """Machines with a result, and those of them without full access."""

    machines: int
    blocked: int


def count_access() -> AccessCounts:
    """Count the results of all machines; in the caller's unit of work."""
    blocked = Count("pk", filter=~Q(conclusion=Conclusion.WORKS.value))
    found = AccessResult.objects.aggregate(machines=Count("pk"), blocked=blocked)
    return AccessCounts(**found)


def _report(bucket: Sequence[NameProbe], service: Sequence[NameProbe]) -> AccessReport:
    names = Names(
        bucket=tuple(one.name for one in bucket),
        service=tuple(one.name for one in service),
        region=settings.ACCESS_REGION,
        issuer=settings.ACCESS_ISSUER,
    )
    return AccessReport(
        conclude(bucket, service, names),
        tuple(bucket),
        tuple(service),
        names,
        settings.ACCESS_PORT,
    )


def _probe(stored: dict[str, Any]) -> NameProbe:
    # A row that another version stored may have other fields.
    known = {
        one.name: stored[one.name] for one in fields(NameProbe) if one.name in stored
    }
    known["outcome"] = ProbeOutcome(stored["outcome"])
    known["addresses"] = tuple(stored["addresses"])
    return NameProbe(**known)
