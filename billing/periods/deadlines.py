"""Moves the deadline of a period: extends it, or corrects its zone.

Billing staff do both. Each is one transaction under the tenant's lock, with a reason,
and is recorded in the audit trail. A deadline only ever gets later. Late flags of the
earlier one are voided at once, the period's summary is marked.
"""

from collections.abc import Mapping
from datetime import date, datetime, timedelta

from django.conf import settings

from billing.coverage import periods
from billing.coverage.periods import Period
from billing.models import TenantPeriod
from billing.periods import marks, update_flags
from billing.periods.marks import PeriodRange
from portal.approvals import required
from portal.audit import log as audit_log
from portal.db import unit_of_work
from portal.errors import Refused
from portal.tenants import create

# An extension by more than this has a mistyped year.
LONGEST = timedelta(days=366)

_DECIDED = ("zone", "deadline_at", "extended_to", "decided_by", "decision_reason")


def extend(
    tenant_id: int,
    period: Period,
    *,
    to: date | datetime,
    by: str,
    at: datetime,
    reason: str,
) -> TenantPeriod:
    """Give a tenant more time for a period; a flag of the earlier deadline is voided.

    `to` is the first instant that is late, or the last day that is on time: then it is
    the midnight that ends the day in the period's zone.

    Raises:
        Refused: it is not later than the deadline, or more than a year later; the
            period has not opened; there is no reason.

    """
    reason = required(reason)
    with unit_of_work.acting_for(tenant_id, holding=True):
        opened = _opened(period)
        was = opened.effective_at
        new = _instant(to, opened)
        if not was < new <= was + LONGEST:
            raise Refused("deadline-implausible", deadline=_with_zone(was, opened))
        opened.extended_to = new
        details = {"deadline_at": new.isoformat(), "was": was.isoformat()}
        act = "deadline-extended"
        _save(opened, act=act, details=details, by=by, at=at, reason=reason)
    return opened


def correct_zone(
    tenant_id: int, period: Period, *, zone: str, by: str, at: datetime, reason: str
) -> TenantPeriod:
    """Move an open period to another zone; of both deadlines the later one counts.

    Raises:
        Refused: there is no such zone, it is that one already, the deadline has passed
            (it can be extended), the period has not opened, or there is no reason.

    """
    reason = required(reason)
    create.require_zone(zone)
    with unit_of_work.acting_for(tenant_id, holding=True):
        opened = _opened(period)
        was, zone_was = opened.effective_at, opened.zone
        if zone == zone_was:
            raise Refused("decided-already")
        if at >= was:
            raise Refused("deadline-passed", deadline=_with_zone(was, opened))
        opened.zone = zone
        opened.deadline_at = max(opened.deadline_at, _rule_deadline(opened))
        if opened.extended_to and opened.extended_to <= opened.deadline_at:
            opened.extended_to = None
        details = {
            "zone": zone,
            "was": zone_was,
            "deadline_at": opened.effective_at.isoformat(),
            "deadline_was": was.isoformat(),
        }
        act = "deadline-zone-corrected"
        _save(opened, act=act, details=details, by=by, at=at, reason=reason)
    return opened


def _opened(period: Period) -> TenantPeriod:
    found = TenantPeriod.objects.filter(period=str(period)).first()
    if found is None:
        raise Refused("not-found")
    return found


def _instant(to: date | datetime, opened: TenantPeriod) -> datetime:
    if isinstance(to, datetime):
        return to
    if to.year not in range(periods.FIRST_YEAR, periods.LAST_YEAR):
        raise Refused(
            "deadline-implausible", deadline=_with_zone(opened.effective_at, opened)
        )
    return periods.day_ends_at(to, periods.zone_named(opened.zone))


def _with_zone(at: datetime, opened: TenantPeriod) -> str:
    """Write an instant with its zone, as RFC 9557 does; the error text formats it."""
    return f"{at.isoformat()}[{opened.zone}]"


def _rule_deadline(opened: TenantPeriod) -> datetime:
    zone = periods.zone_named(opened.zone)
    period = Period.parse(opened.period)
    return periods.deadline_at(period, zone, late_from=settings.LATE_FROM)


def _save(
    opened: TenantPeriod,
    *,
    act: str,
    details: Mapping[str, audit_log.Detail],
    by: str,
    at: datetime,
    reason: str,
) -> None:
    opened.decided_by, opened.decision_reason = by[:200], reason
    opened.save(update_fields=_DECIDED)
    update_flags.void_earlier(opened, at=at)
    marks.mark(opened.tenant_id, PeriodRange(opened.period, opened.period), at=at)
    audit_log.append(
        tenant_id=opened.tenant_id,
        actor=by,
        act=act,
        subject=opened.period,
        details={**details, "reason": reason},
        at=at,
    )
