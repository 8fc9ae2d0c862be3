"""Retries failed jobs, and waiting jobs at once, at the request of staff."""

from collections.abc import Iterable
from datetime import datetime
from itertools import groupby
from typing import Any

from django.db.models import QuerySet

from portal.audit import log as audit_log
from portal.db import unit_of_work
from portal.errors import Refused
from portal.jobs import queue as job_queue
from portal.jobs import wakeup
from usage.forwarding import queries as forwarding_queries

# Rows that one press of a button retries; a further press takes the next.
MOST = 1_000

# Rows of one tenant in one unit of work: its lock is held for them.
_AT_ONCE = 100

_TASKS = {
    forwarding_queries.FORWARDING: "usage.forward",
    forwarding_queries.JUDGING: "usage.settle",
}


def retry(kind: str, pk: int, *, by: str, at: datetime) -> bool:
    """Retry one failed row; False if somebody was faster.

    Raises:
        Refused: there is no such row.

    """
    _check(kind)
    with unit_of_work.acting_for(unit_of_work.STAFF, reading=True):
        rows = forwarding_queries.MODELS[kind]._default_manager.filter(pk=pk)
        tenant_id = rows.values_list("tenant_id", flat=True).first()
    if tenant_id is None:
        raise Refused("not-found")
    return _retry(kind, tenant_id, [pk], by=by, at=at) == 1


def retry_all(kind: str, code: str, *, by: str, at: datetime) -> int:
    """Retry rows that failed for one reason; return how many.

    At most `MOST`, oldest first in each tenant.

    Raises:
        Refused: there is no such kind.

    """
    _check(kind)
    count = 0
    rows = forwarding_queries.failed_of(kind).filter(problem=code)
    for tenant_id, pks in _by_tenant(rows):
        count += _retry(kind, tenant_id, pks, by=by, at=at)
    return count


def retry_now(kind: str, code: str, *, by: str, at: datetime) -> int:
    """Have rows that wait for one reason tried now; return how many, at most `MOST`.

    Raises:
        Refused: there is no such kind.

    """
    _check(kind)
    count = 0
    for tenant_id, pks in _by_tenant(forwarding_queries.retrying(kind, code, at=at)):
        with unit_of_work.acting_for(tenant_id):
            rows = forwarding_queries.retrying(kind, code, at=at).filter(pk__in=pks)
            count += rows.update(due_at=at)
            wakeup.wake_up(_TASKS[kind])
    if count:
        with unit_of_work.acting_for(unit_of_work.STAFF):
            audit_log.append(
                tenant_id=None,
                actor=by,
                act="work-hastened",
                subject=kind,
                details={"reason": code, "files": count},
                at=at,
            )
    return count


def _check(kind: str) -> None:
    if kind not in forwarding_queries.MODELS:
        raise Refused("not-found")


def _by_tenant(rows: QuerySet[Any]) -> Iterable[tuple[int, list[int]]]:
    with unit_of_work.acting_for(unit_of_work.STAFF, reading=True):
        named = rows.order_by("tenant_id", "pk").values_list("tenant_id", "pk")
        found = list(named[:MOST])
    for tenant_id, group in groupby(found, key=lambda one: one[0]):
        pks = [pk for _, pk in group]
        for start in range(0, len(pks), _AT_ONCE):
            yield tenant_id, pks[start : start + _AT_ONCE]


def _retry(kind: str, tenant_id: int, pks: list[int], *, by: str, at: datetime) -> int:
    count = 0
    with unit_of_work.acting_for(tenant_id, holding=True):
        rows = (
            forwarding_queries.failed_of(kind).filter(pk__in=pks).select_related("file")
        )
        for row in rows.order_by("pk"):
            if not job_queue.retry(forwarding_queries.MODELS[kind], row.pk, at=at):
                continue
            count += 1
            audit_log.append(
                tenant_id=tenant_id,
                actor=by,
                act="work-retried",
                subject=str(row.file_id),
                details={"name": row.file.name, "kind": kind, "was": row.problem},
                at=at,
            )
        wakeup.wake_up(_TASKS[kind])
    return count
