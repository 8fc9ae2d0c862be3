"""Who gets which mail, and who may read the calendar of a tenant's deadlines."""

import hashlib
import secrets
from dataclasses import dataclass
from datetime import datetime

from billing.models import CalendarAddress
from portal.audit import log as audit_log
from portal.db import unit_of_work
from portal.errors import Refused
from portal.models import Membership, Role, Tenant, User

# 256 random bits cannot be guessed, so a plain SHA-256 is hash enough.
_RANDOM_BYTES = 32


@dataclass(frozen=True, slots=True)
class ReminderRecipient:
    """One member, and whether they get the reminders."""

    membership: Membership
    gets_reminders: bool


def members() -> list[ReminderRecipient]:
    """Return the members of the tenant that this unit of work is for, by name."""
    rows = Membership.objects.filter(user__is_active=True).select_related("user")
    # Not all columns of a person are a tenant's to read.
    narrow = rows.only(
        *("role", "gets_reminders", "tenant_id"),
        *("user__email", "user__name", "user__is_active"),
    )
    return [
        ReminderRecipient(row, gets_reminders=gets_reminders(row))
        for row in narrow.order_by("user__name", "user__email")
    ]


def gets_reminders(row: Membership) -> bool:
    """Say whether a member gets reminders: by their choice, or as the role has it."""
    if row.gets_reminders is None:
        return row.role == Role.ADMIN
    return row.gets_reminders


def choose_reminders(
    tenant_id: int, *, user_id: int, wanted: bool, by: str, at: datetime
) -> Membership:
    """Say whether a member gets reminders, in the running unit of work of the tenant.

    Raises:
        Refused: the tenant has no such member.

    """
    unit_of_work.hold_tenant(tenant_id)
    row = next(
        (one.membership for one in members() if one.membership.user_id == user_id), None
    )
    if row is None:
        raise Refused("not-found")
    Membership.objects.filter(pk=row.pk).update(gets_reminders=wanted)
    audit_log.append(
        tenant_id=tenant_id,
        actor=by,
        act="reminders-chosen",
        subject=row.user.email,
        details={"wanted": wanted},
        at=at,
    )
    return row


def choose_escalation(tenant_id: int, *, address: str, by: str, at: datetime) -> None:
    """Say whom late mails go to as well, empty for nobody; in the tenant's unit."""
    unit_of_work.hold_tenant(tenant_id)
    Tenant.objects.filter(pk=tenant_id).update(escalation_address=address)
    audit_log.append(
        tenant_id=tenant_id,
        actor=by,
        act="escalation-chosen",
        subject=address,
        at=at,
    )


def gets_digest(user_id: int) -> bool:
    """Say whether one of the staff gets the digest, in a unit of work of the staff."""
    return User.objects.filter(pk=user_id, gets_digest=True).exists()


def choose_digest(user_id: int, *, wanted: bool) -> None:
    """Say whether one of the staff gets the digest, in a unit of work of the staff."""
    User.objects.filter(pk=user_id).exclude(staff_role="").update(gets_digest=wanted)


def make_calendar_address(
    tenant_id: int, *, user_id: int, by: str, at: datetime
) -> str:
    """Make a member's private address anew; the one before opens nothing any more.

    In the running unit of work of the tenant. What is returned is not to be had again.
    """
    unit_of_work.hold_tenant(tenant_id)
    secret = secrets.token_urlsafe(_RANDOM_BYTES)
    CalendarAddress.objects.update_or_create(
        tenant_id=tenant_id,
        user_id=user_id,
        defaults={"digest": _digest(secret), "made_at": at},
    )
    audit_log.append(
        tenant_id=tenant_id, actor=by, act="calendar-address-made", subject=by, at=at
    )
    return secret


def remove_calendar_address(
    tenant_id: int, *, user_id: int, by: str, at: datetime
) -> bool:
    """Let a member's private address open nothing any more; False if there is none."""
    unit_of_work.hold_tenant(tenant_id)
    gone, _ = CalendarAddress.objects.filter(user_id=user_id).delete()
    if gone:
        audit_log.append(
            tenant_id=tenant_id,
            actor=by,
            act="calendar-address-removed",
            subject=by,
            at=at,
        )
    return bool(gone)


def tenant_of_calendar(secret: str) -> int | None:
    """Return whose calendar an address opens, None if nobody's (any more).

    Before anybody is known: in no unit of work.
    """
    found = (
        CalendarAddress.objects.filter(digest=_digest(secret))
        .values_list("tenant_id", "user_id")
        .first()
    )
    if found is None:
        return None
    tenant_id, user_id = found
    member = Membership.objects.filter(tenant_id=tenant_id, user_id=user_id)
    is_active = User.objects.filter(pk=user_id, is_active=True).exists()
    return tenant_id if is_active and member.exists() else None


def _digest(secret: str) -> bytes:
    return hashlib.sha256(secret.encode()).digest()
