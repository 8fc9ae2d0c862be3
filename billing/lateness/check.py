"""Raises a late flag once for each tenant, period and effective deadline.

A task calls `check_lateness` every 15 minutes. Its result does not depend on when it
runs, nor how often or how many at once: a tenant is late as at the deadline, and the
summary of its period keeps that for good.
"""

import logging
from dataclasses import dataclass
from datetime import datetime

from django.conf import settings
from django.db import connection

from billing.lateness import sql as late_sql
from billing.lateness import update_flags
from billing.lateness.update_flags import WAIT
from billing.models import LateFlag, PeriodSummary, SafetyStop
from portal.approvals import required
from portal.audit import log as audit_log
from portal.db import unit_of_work
from portal.errors import Refused

logger = logging.getLogger(__name__)

# From so many tenants on, and from so many times the mean of the last three periods, a
# run stops and waits for the staff: as likely as not it is we who are wrong.
STOPS_FROM = 20
STOPS_TIMES = 2

# Tenants that one run handles in each of its later steps; the next run does more.
_AT_ONCE = 1_000


@dataclass(frozen=True, slots=True)
class CheckResult:
    """The result of a run: flags raised, and periods at which it stopped."""

    raised: int
    stopped: tuple[str, ...]


def check_lateness(at: datetime) -> CheckResult:
    """Raise a flag for each tenant that was late an hour before `at` or earlier.

    Then update the flags to which days were added by time alone, and record each new
    flag in its tenant's audit trail, also those of a run that was cut before it
    recorded them.
    """
    parameters = {
        **_parameters(at),
        "at": at,
        "least": STOPS_FROM,
        "times": STOPS_TIMES,
    }
    with unit_of_work.acting_for(unit_of_work.STAFF), connection.cursor() as cursor:
        cursor.execute(late_sql.RAISE, parameters)
        rows = cursor.fetchall()
        stops = [row for row in rows if row[0]]
        for _, period, found, usual in stops:
            _audit_stop(period, found, float(usual), at=at)
        cursor.execute(late_sql.GROWN, parameters)
        grown = cursor.fetchall()
    for tenant_id, period in grown[:_AT_ONCE]:
        _update_grown_flag(tenant_id, period, at=at)
    _audit_new_flags(at=at)
    raised = sum(count for is_stop, _, count, _ in rows if not is_stop)
    return CheckResult(raised, tuple(period for _, period, _, _ in stops))


def release(period: str, *, by: str, reason: str, at: datetime) -> None:
    """Let the check go on for a period at which it stopped.

    Raises:
        Refused: it is not stopped there (any more), or there is no reason.

    """
    reason = required(reason)
    with unit_of_work.acting_for(unit_of_work.STAFF):
        held = SafetyStop.objects.filter(period=period, released_at=None)
        if not held.update(released_at=at, released_by=by[:200], reason=reason):
            raise Refused("decided-already")
        audit_log.append(
            tenant_id=None,
            actor=by,
            act="safety-stop-released",
            subject=period,
            details={"reason": reason},
            at=at,
        )


def overdue(tenant_id: int, *, at: datetime) -> list[str]:
    """Return the periods of which a run at `at` would flag the tenant.

    In the running unit of work. Until a safety stop is released they stay overdue.
    """
    with connection.cursor() as cursor:
        cursor.execute(late_sql.OVERDUE, {**_parameters(at), "tenant": tenant_id})
        return [period for _, _, period, _ in cursor.fetchall()]


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
        row = PeriodSummary.objects.get(period=period)
        update_flags.update_flags(tenant_id, {period: row}, at=at)


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
