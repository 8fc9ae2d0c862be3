"""Ends sessions of other people, and records who did it in the audit trail."""

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from portal.accounts.end_sessions import EndReason, end_and_record
from portal.audit import log as audit_log
from portal.db import unit_of_work
from portal.errors import Refused
from portal.models import Membership, User
from portal.security_events.record import Origin


@dataclass(frozen=True, slots=True)
class EndedBy:
    """Who ends sessions of somebody else, where they are, and when."""

    name: str
    origin: Origin
    at: datetime


def end_of_member(
    tenant_id: int, user_id: int, *, only: UUID | None, by: EndedBy
) -> int:
    """End all sessions of a member, or one; in the running unit of work of the tenant.

    A member of several tenants has one session for all of them, so it ends for all.

    Raises:
        Refused: there is no such member.

    """
    unit_of_work.hold_tenant(tenant_id)
    member = Membership.objects.filter(user=user_id).values_list("user__email").first()
    if member is None:
        raise Refused("not-found")
    count = _end(user_id, only=only, by=by, tenant_id=tenant_id)
    _append(tenant_id, member[0], count, by)
    return count


def end_of_anybody(user_id: int, *, only: UUID | None, by: EndedBy) -> int:
    """End all sessions of a person, or one; in a unit of work of the staff.

    It is in the audit trail of each of their tenants, else in that of the staff.

    Raises:
        Refused: there is no such person.

    """
    user = User.objects.filter(pk=user_id).first()
    if user is None:
        raise Refused("not-found")
    found = Membership.objects.filter(user=user_id).values_list("tenant_id", flat=True)
    # In order, as everybody who takes several locks.
    tenants = sorted(found)
    for tenant_id in tenants:
        unit_of_work.hold_tenant(tenant_id)
    count = _end(user_id, only=only, by=by)
    trails: list[int] | list[None] = tenants or [None]
    for trail in trails:
        _append(trail, user.email, count, by)
    return count


def _end(
    user_id: int, *, only: UUID | None, by: EndedBy, tenant_id: int | None = None
) -> int:
    return end_and_record(
        user_id,
        only=only,
        reason=EndReason.SOMEBODY_ELSE,
        origin=by.origin,
        at=by.at,
        actor=by.name,
        tenant_id=tenant_id,
    )


def _append(tenant_id: int | None, email: str, count: int, by: EndedBy) -> None:
    audit_log.append(
        tenant_id=tenant_id,
        actor=by.name,
        act="sessions-ended",
        subject=email,
        details={"sessions": count},
        at=by.at,
    )
