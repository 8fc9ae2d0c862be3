"""Raises a late flag once for each tenant, period and effective deadline.

A task calls `check_lateness` every 15 minutes. Its result does not depend on when it
runs, nor how often or how many at once: a tenant is late as at the deadline, and the
summary of its period keeps that for good. A stale summary raises no flag: it is
refreshed first, and what cannot be refreshed now is left to a later run, which finds
the same evidence.
"""

import logging
import time
from collections.abc import Collection, Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Any, NamedTuple

from django.conf import settings
from django.db import connection

from billing.coverage.periods import BETWEEN_ZONES
from billing.lateness import sql as late_sql
from billing.models import LateFlag, PeriodSummary, SafetyStop
from billing.periods import marks, refresh, update_flags
from billing.periods.update_flags import WAIT
from portal.approvals import required
from portal.audit import log as audit_log
from portal.db import unit_of_work
from portal.errors import Refused

logger = logging.getLogger(__name__)

# From so many tenants on, and from so many times the mean of the last three periods, a
# period stops and waits for the staff: the fault is probably ours.
STOPS_FROM = 20
STOPS_TIMES = 2

# How long a run refreshes stale summaries before it flags, in seconds.
_REFRESH_FOR = 60.0

# Tenants that one run handles in each of its later steps; the next run does more.
_AT_ONCE = 1_000


@dataclass(frozen=True, slots=True)
class CheckResult:
    """The result of a run: flags raised, and periods at which it stopped.

    `waiting` are periods of which nothing is flagged yet: tenants whose deadline is
    ahead in their zone, or that wait for us, may make them far more than usual.
    `unchecked` are the numbers of tenants whose summaries were stale, so that a later
    run checks them; `failed` are those of them that cannot be computed.
    """

    raised: int
    stopped: tuple[str, ...]
    unchecked: tuple[str, ...] = ()
    failed: tuple[str, ...] = ()
    waiting: tuple[str, ...] = ()


def check_lateness(at: datetime) -> CheckResult:
    """Raise a flag for each tenant that was late an hour before `at` or earlier.

    Stale summaries are refreshed before, for a minute at most. Then update the flags to
    which days were added by time alone, and record each new flag in its tenant's audit
    trail, also those of a run that was cut before it recorded them.
    """
    _refresh_due(at=at)
    parameters: dict[str, Any] = {
        **_parameters(at),
        "at": at,
        "least": STOPS_FROM,
        "times": STOPS_TIMES,
        "between_zones": BETWEEN_ZONES,
    }
    with unit_of_work.acting_for(unit_of_work.STAFF), connection.cursor() as cursor:
        cursor.execute(late_sql.RAISE, parameters)
        rows = cursor.fetchall()
        for outcome, period, found, usual in rows:
            if outcome == "stopped":
                _audit_stop(period, found, float(usual), at=at)
        cursor.execute(late_sql.GROWN, parameters)
        grown = cursor.fetchall()
    for tenant_id, period in grown[:_AT_ONCE]:
        _update_grown_flag(tenant_id, period, at=at)
    _audit_new_flags(at=at)
    left = _stale_and_due(at=at)
    failed = tuple(sorted({one.number for one in left if one.has_failed}))
    if failed:
        logger.error(
            "Tenants whose summaries cannot be computed are not flagged: %s", failed
        )
    return CheckResult(
        sum(count for outcome, _, count, _ in rows if outcome == "raised"),
        stopped=_periods(rows, "stopped"),
        unchecked=tuple(sorted({one.number for one in left})),
        failed=failed,
        waiting=_periods(rows, "waiting"),
    )


def release(
    period: str, *, tenants: Collection[int], by: str, reason: str, at: datetime
) -> None:
    """Release the safety stop of a period for some of its tenants.

    `tenants` are the ids that the page listed to the person who releases; if other
    tenants turn out late, the check stops the period again.

    Raises:
        Refused: it is not stopped there (any more), or there is no reason.

    """
    reason = required(reason)
    with unit_of_work.acting_for(unit_of_work.STAFF):
        held = SafetyStop.objects.filter(period=period, released_at=None)
        released_for = sorted(set(tenants))
        if not held.update(
            released_at=at,
            released_by=by[:200],
            reason=reason,
            released_for=released_for,
        ):
            raise Refused("decided-already")
        audit_log.append(
            tenant_id=None,
            actor=by,
            act="safety-stop-released",
            subject=period,
            details={"reason": reason, "tenants": len(released_for)},
            at=at,
        )


def overdue(tenant_id: int, *, at: datetime) -> list[str]:
    """Return the periods of which a run at `at` would flag the tenant.

    In the running unit of work. Until a safety stop is released they stay overdue.
    """
    with connection.cursor() as cursor:
        cursor.execute(late_sql.OVERDUE, {**_parameters(at), "tenant": tenant_id})
        return [period for _, _, period, *_ in cursor.fetchall()]


def _periods(rows: Iterable[tuple[Any, ...]], outcome: str) -> tuple[str, ...]:
    return tuple(sorted(period for name, period, *_ in rows if name == outcome))


class _StalePeriod(NamedTuple):
    tenant_id: int
    number: str
    period: str
    has_failed: bool


def _refresh_due(*, at: datetime) -> None:
    """Refresh the stale summaries of periods whose deadline has passed, for a while."""
    until = time.monotonic() + _REFRESH_FOR
    for stale in _stale_and_due(at=at):
        if stale.has_failed:
            return  # these are last; computing them can end this process
        left = until - time.monotonic()
        if left <= 0:
            return
        refresh.try_refresh_period(stale.tenant_id, stale.period, seconds=left)


def _stale_and_due(*, at: datetime) -> list[_StalePeriod]:
    parameters: dict[str, Any] = {"until": at - WAIT, "most": _AT_ONCE}
    with (
        unit_of_work.acting_for(unit_of_work.STAFF, reading=True),
        connection.cursor() as cursor,
    ):
        cursor.execute(late_sql.STALE_AND_DUE, parameters)
        return [_StalePeriod._make(row) for row in cursor.fetchall()]


def _parameters(at: datetime) -> dict[str, bool | int | datetime]:
    return {"until": at - WAIT, "has_inbox": bool(settings.INBOX_BUCKET)}


def _audit_stop(period: str, found: int, usual: float, *, at: datetime) -> None:
    logger.critical(
        "Safety stop: %s tenants would be late in %s, usual are %.1f."
        " Nothing more is flagged until the billing staff release it.",
        *(found, period, usual),
    )
    audit_log.append(
        tenant_id=None,
        actor=update_flags.PORTAL,
        act="safety-stop-raised",
        subject=period,
        details={"found": found, "usual": f"{usual:.1f}"},
        at=at,
    )


def _update_grown_flag(tenant_id: int, period: str, *, at: datetime) -> None:
    with unit_of_work.acting_for(tenant_id, holding=True):
        if marks.stale_periods(tenant_id, [period]):
            return  # the refresher updates the flag too
        row = PeriodSummary.objects.get(period=period)
        update_flags.update_flags(tenant_id, {period: row}, at={period: at})


def _audit_new_flags(*, at: datetime) -> None:
    with unit_of_work.acting_for(unit_of_work.STAFF, reading=True):
        unaudited = LateFlag.objects.filter(told_at=None).order_by("tenant")
        tenants = list(unaudited.values_list("tenant", flat=True).distinct()[:_AT_ONCE])
    for tenant_id in tenants:
        with unit_of_work.acting_for(tenant_id, holding=True):
            for flag in LateFlag.objects.filter(told_at=None).order_by("pk"):
                _audit(flag, at=at)


def _audit(flag: LateFlag, *, at: datetime) -> None:
    flag.told_at = at
    flag.save(update_fields=["told_at"])
    audit_log.append(
        tenant_id=flag.tenant_id,
        actor=update_flags.PORTAL,
        act="late-flag-raised",
        subject=flag.period,
        details={
            "deadline_at": flag.deadline_at.isoformat(),
            "late": len(flag.evidence),
            "first": min(flag.evidence),
        },
        at=at,
    )
