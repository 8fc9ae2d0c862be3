"""Records that one of the billing staff looked at a tenant's pages, once a day.

Pages must not wait for the tenant's lock, which every entry of its trail needs. So the
visit is a row of its own, which only its first page of the day inserts. The entry is
written at once if the lock is free, and otherwise by the task `portal.record_visits`.
The row is committed before the page is shown: nobody looks at a tenant without one.
"""

import logging
from collections.abc import Callable
from datetime import UTC, datetime

from django.db import OperationalError, connection

from portal.audit import log as audit_log
from portal.db import unit_of_work
from portal.models import StaffVisit

logger = logging.getLogger(__name__)

# Visits of one tenant that are recorded by one transaction.
_AT_ONCE = 100

_INSERT = """
insert into portal_staffvisit (tenant_id, user_id, day, seen_at)
select id, %(user)s, %(day)s, %(at)s from portal_tenant
where number = %(number)s or id = %(tenant)s
on conflict do nothing returning id, tenant_id
"""


def record(
    *,
    user_id: int,
    name: str,
    at: datetime,
    number: str | None = None,
    tenant_id: int | None = None,
) -> None:
    """Record a visit of a tenant, by its number or its id, in a unit of its own.

    Does nothing if there is no such tenant, or the person has visited it on this day.
    """
    day = at.astimezone(UTC).date()
    given = {"number": number, "tenant": tenant_id, "user": user_id, "day": day}
    with unit_of_work.acting_for(unit_of_work.STAFF):
        with connection.cursor() as cursor:
            cursor.execute(_INSERT, {**given, "at": at})
            found = cursor.fetchall()
        for visit_id, of_tenant in found:
            if unit_of_work.try_hold_tenant(of_tenant):
                _append(of_tenant, visit_id, name=name, seen_at=at, at=at)


def record_waiting(*, now: Callable[[], datetime], has_time: Callable[[], bool]) -> int:
    """Write the entries of visits that have none yet; return how many."""
    count = 0
    with unit_of_work.acting_for(unit_of_work.STAFF, reading=True):
        waiting = StaffVisit.objects.filter(recorded_at=None).order_by("tenant")
        tenants = list(waiting.values_list("tenant_id", flat=True).distinct())
    for tenant_id in tenants:
        if not has_time():
            break
        try:
            count += _record_waiting_of(tenant_id, at=now())
        except OperationalError as error:
            # The tenant's lock is not to be had; the next run tries again.
            logger.warning("Visits of tenant %s are not recorded: %s", tenant_id, error)
    return count


def _record_waiting_of(tenant_id: int, *, at: datetime) -> int:
    with unit_of_work.acting_for(unit_of_work.STAFF):
        unit_of_work.hold_tenant(tenant_id)
        rows = StaffVisit.objects.filter(tenant=tenant_id, recorded_at=None)
        found = list(rows.select_related("user").order_by("pk")[:_AT_ONCE])
        for row in found:
            name, seen_at = row.user.email, row.seen_at
            _append(tenant_id, row.pk, name=name, seen_at=seen_at, at=at)
    return len(found)


def _append(
    tenant_id: int, visit_id: int, *, name: str, seen_at: datetime, at: datetime
) -> None:
    """Write the entry of a visit, under the tenant's lock."""
    waiting = StaffVisit.objects.filter(pk=visit_id, recorded_at=None)
    if waiting.update(recorded_at=at):
        audit_log.append(
            tenant_id=tenant_id,
            actor=name,
            act="tenant-looked-at",
            subject="",
            at=seen_at,
        )
