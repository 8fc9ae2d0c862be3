"""Queries over all tenants for billing staff: in a unit of work of the staff."""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime

from django.db.models import Count, Max, Q, QuerySet

from portal.models import Tenant
from usage.models import FileState, SealingKey, Server, UsageFile


@dataclass(frozen=True, slots=True, kw_only=True)
class TenantRow:
    """One line of the list of tenants; `fingerprint` is of the newest key."""

    tenant: Tenant
    servers: int
    files: int
    held: int
    last_received_at: datetime | None
    fingerprint: str


def tenants(search: str = "") -> QuerySet[Tenant]:
    """Return the tenants whose name or number has a text in it, by name."""
    found = Tenant.objects.order_by("name", "number")
    if search:
        found = found.filter(Q(name__icontains=search) | Q(number__icontains=search))
    return found


def rows(shown: Collection[Tenant]) -> list[TenantRow]:
    """Return the list rows of these tenants; three queries, however many."""
    those = [tenant.pk for tenant in shown]
    kept = UsageFile.objects.filter(tenant__in=those).exclude(state=FileState.REJECTED)
    files = {
        tenant: (accepted, held, last)
        for tenant, accepted, held, last in kept.values_list("tenant").annotate(
            accepted=Count("pk", filter=Q(state=FileState.ACCEPTED)),
            held=Count("pk", filter=Q(state=FileState.HELD)),
            last=Max("received_at"),
        )
    }
    servers = dict(
        Server.objects.filter(tenant__in=those)
        .values_list("tenant")
        .annotate(count=Count("pk"))
    )
    newest = SealingKey.objects.filter(tenant__in=those)
    fingerprints = dict(
        newest.order_by("created_at", "pk").values_list("tenant", "fingerprint")
    )
    found = []
    for tenant in shown:
        accepted, held, last = files.get(tenant.pk, (0, 0, None))
        found.append(
            TenantRow(
                tenant=tenant,
                servers=servers.get(tenant.pk, 0),
                files=accepted,
                held=held,
                last_received_at=last,
                fingerprint=fingerprints.get(tenant.pk, ""),
            )
        )
    return found
