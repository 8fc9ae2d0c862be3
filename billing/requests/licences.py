"""Records the licence keys a tenant holds, and customers' requests to change them.

They decide what the tenant owes. Billing staff record them, from any day on:

    set_licences(tenant_id, from_on=..., keys=..., by=..., at=...)

Customers request a change, and the staff decide on one request of one tenant:

    request_licences(tenant_id, requested=RequestedLicences(...), by=..., at=...)
        -> LicenceRequest | None
    withdraw(tenant_id, request_id=..., by=..., at=...) -> LicenceRequest
    approve(tenant_id, request_id=..., by=..., at=..., reason="") -> LicenceRequest
    refuse(tenant_id, request_id=..., by=..., at=..., reason=...) -> LicenceRequest

Each opens a unit of work for the tenant, takes its lock, writes to the audit trail and
marks the summaries. All raise `Refused`, as `usage.servers.requests` does.

A change holds until the next one that is recorded for a later day; one for the same
day takes its place.
"""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import date, datetime

from django.db.models import QuerySet

from billing.coverage.facts import Mode
from billing.coverage.licences import KEYS, mode_of
from billing.models import LicenceChange, LicenceRequest
from billing.periods import open_periods
from portal import approvals
from portal.approvals import Decision, open_request, record_decision
from portal.audit import log as audit_log
from portal.db import unit_of_work
from portal.errors import Refused
from portal.models import Tenant

# Modes by what is owed under them, least first: what is missing makes late under a
# manual licence only.
_DEBT = (Mode.NONE, Mode.AUTOMATED, Mode.MANUAL)


@dataclass(frozen=True, slots=True, kw_only=True)
class RequestedLicences:
    """The licence keys that a customer reports to hold from a day on."""

    from_on: date
    keys: Collection[str]
    reason: str


def changes() -> QuerySet[LicenceChange]:
    """Return the history of the tenant that this unit of work is for, newest first."""
    return LicenceChange.objects.order_by("-from_on")


def open_requests() -> QuerySet[LicenceRequest]:
    """Return the undecided requests, oldest first, with their tenants."""
    waiting = LicenceRequest.objects.filter(decision="")
    return waiting.select_related("tenant").order_by("asked_at", "pk")


def set_licences(
    tenant_id: int, *, from_on: date, keys: Collection[str], by: str, at: datetime
) -> None:
    """Record a tenant's licences, as the staff enter them.

    Raises:
        Refused: a key that does not affect usage, or nothing would change.

    """
    wanted = _checked_keys(keys)
    with unit_of_work.acting_for(tenant_id):
        unit_of_work.hold_tenant(tenant_id)
        if wanted == _held(from_on):
            raise Refused("nothing-to-change")
        _record(Tenant.objects.get(), from_on, wanted, by=by, at=at)


def request_licences(
    tenant_id: int, *, requested: RequestedLicences, by: str, at: datetime
) -> LicenceRequest | None:
    """Change the licences, or request it from the staff where less would be owed.

    Returns:
        The request that now waits; None if the change took effect at once, because
        no less is owed by it.

    Raises:
        Refused: no reason for a request, a key that does not affect usage, nothing
            would change, or a request waits already.

    """
    wanted = _checked_keys(requested.keys)
    with unit_of_work.acting_for(tenant_id):
        unit_of_work.hold_tenant(tenant_id)
        held = _held(requested.from_on)
        if open_requests().exists():
            raise Refused("asked-already")
        if wanted == held:
            raise Refused("nothing-to-change")
        if _DEBT.index(mode_of(wanted)) < _DEBT.index(mode_of(held)):
            return _request(tenant_id, requested, wanted, by=by, at=at)
        _record(Tenant.objects.get(), requested.from_on, wanted, by=by, at=at)
    return None


def withdraw(
    tenant_id: int, *, request_id: int, by: str, at: datetime
) -> LicenceRequest:
    """Withdraw a request of one's own company."""
    with unit_of_work.acting_for(tenant_id):
        request = open_request(
            LicenceRequest, tenant_id=tenant_id, request_id=request_id
        )
        _decide(request, Decision.WITHDRAWN, by=by, at=at, reason="")
    return request


def approve(
    tenant_id: int, *, request_id: int, by: str, at: datetime, reason: str = ""
) -> LicenceRequest:
    """Approve a request and record the licences that it names."""
    reason = approvals.optional(reason)
    with unit_of_work.acting_for(tenant_id):
        request = open_request(
            LicenceRequest, tenant_id=tenant_id, request_id=request_id
        )
        _decide(request, Decision.APPROVED, by=by, at=at, reason=reason)
        _record(request.tenant, request.from_on, request.keys, by=by, at=at)
    return request


def refuse(
    tenant_id: int, *, request_id: int, by: str, at: datetime, reason: str
) -> LicenceRequest:
    """Refuse a request and leave the licences; the customer sees the reason."""
    reason = approvals.required(reason)
    with unit_of_work.acting_for(tenant_id):
        request = open_request(
            LicenceRequest, tenant_id=tenant_id, request_id=request_id
        )
        _decide(request, Decision.REFUSED, by=by, at=at, reason=reason)
    return request


def _held(day: date) -> tuple[str, ...]:
    """Return the keys held on a day, without those that do not affect usage."""
    change = changes().filter(from_on__lte=day).first()
    return tuple(key for key in KEYS if change and key in change.keys)


def _checked_keys(keys: Collection[str]) -> tuple[str, ...]:
    """Return the keys, each once, in their listed order; refuse unknown ones."""
    unknown = set(keys) - set(KEYS)
    if unknown:
        raise Refused("input-invalid", detail=", ".join(sorted(unknown)))
    return tuple(key for key in KEYS if key in keys)


def _record(
    tenant: Tenant, from_on: date, keys: Collection[str], *, by: str, at: datetime
) -> None:
    open_periods.record_licences(
        tenant.pk, from_on=from_on, licence_keys=list(keys), by=by[:200], at=at
    )
    open_periods.open_missing(tenant, today=at.date(), at=at)


def _request(
    tenant_id: int,
    requested: RequestedLicences,
    keys: Collection[str],
    *,
    by: str,
    at: datetime,
) -> LicenceRequest:
    request = LicenceRequest.objects.create(
        tenant_id=tenant_id,
        from_on=requested.from_on,
        keys=list(keys),
        reason=approvals.required(requested.reason),
        asked_by=by[:200],
        asked_at=at,
    )
    _audit(request, act="licences-asked", by=by, at=at, reason=request.reason)
    return request


def _decide(
    request: LicenceRequest, decision: Decision, *, by: str, at: datetime, reason: str
) -> None:
    record_decision(request, decision, by=by, at=at, reason=reason)
    _audit(request, act=f"licences-{decision}", by=by, at=at, reason=reason)


def _audit(
    request: LicenceRequest, *, act: str, by: str, at: datetime, reason: str
) -> None:
    audit_log.append(
        tenant_id=request.tenant_id,
        actor=by,
        act=act,
        subject=", ".join(request.keys) or "none",
        details={"from_on": str(request.from_on), "reason": reason},
        at=at,
    )
