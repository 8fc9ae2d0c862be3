"""Stores who gets which mails, and the private addresses of the deadline calendar."""

import hashlib
import secrets
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from billing.models import CalendarAddress
from billing.statements.plan_mails import gets_statements
from portal.audit import log as audit_log
from portal.db import unit_of_work
from portal.errors import Refused
from portal.models import Membership, Role, User

# 256 random bits cannot be guessed, so a plain SHA-256 is hash enough.
_RANDOM_BYTES = 32


class MailChoice(StrEnum):
    """Mails that each member can choose to get or not."""

    REMINDERS = "reminders"
    STATEMENTS = "statements"


# The column of each choice, and its act in the audit trail.
_COLUMNS = {
    MailChoice.REMINDERS: "gets_reminders",
    MailChoice.STATEMENTS: "gets_statements",
}
_ACTS = {
    MailChoice.REMINDERS: "reminders-chosen",
    MailChoice.STATEMENTS: "statement-mails-chosen",
}


@dataclass(frozen=True, slots=True)
class MailRecipient:
    """A member, with the effective choice of each kind of mail."""

    membership: Membership
    gets_reminders: bool
    gets_statements: bool


def members() -> list[MailRecipient]:
    """Return the members of the tenant that this unit of work is for, by name."""
    rows = Membership.objects.filter(user__is_active=True).select_related("user")
    # A tenant may not read all columns of a person.
    narrow = rows.only(
        *("role", *_COLUMNS.values(), "tenant_id"),
        *("user__email", "user__name", "user__is_active"),
    )
    return [
        MailRecipient(
            row,
            gets_reminders=gets_reminders(row),
            gets_statements=gets_statements(row),
        )
        for row in narrow.order_by("user__name", "user__email")
    ]


def gets_reminders(row: Membership) -> bool:
    """Return whether a member gets reminders: by choice, or by default of the role."""
    if row.gets_reminders is None:
        return row.role == Role.ADMIN
    return row.gets_reminders


def choose_mails(
    tenant_id: int,
    choice: MailChoice,
    *,
    user_id: int,
    wanted: bool,
    by: str,
    at: datetime,
) -> Membership:
    """Set whether a member gets these mails, in the running unit of work of the tenant.

    Raises:
        Refused: the tenant has no such member.

    """
    unit_of_work.hold_tenant(tenant_id)
    row = next(
        (one.membership for one in members() if one.membership.user_id == user_id), None
    )
    if row is None:
        raise Refused("not-found")
    Membership.objects.filter(pk=row.pk).update(**{_COLUMNS[choice]: wanted})
    audit_log.append(
        tenant_id=tenant_id,
        actor=by,
        act=_ACTS[choice],
        subject=row.user.email,
        details={"wanted": wanted},
        at=at,
    )
    return row


def choose_digest(user_id: int, *, wanted: bool) -> None:
    """Set whether a staff user gets the digest, in a unit of work of the staff."""
    User.objects.filter(pk=user_id).exclude(staff_role="").update(gets_digest=wanted)


def make_calendar_address(
    tenant_id: int, *, user_id: int, by: str, at: datetime
) -> str:
    """Create a new private address for a member; the previous one stops working.

    In the running unit of work of the tenant. The returned secret cannot be read again.
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
    """Remove a member's private address; False if there is none."""
    unit_of_work.hold_tenant(tenant_id)
    rows = CalendarAddress.objects.filter(tenant_id=tenant_id, user_id=user_id)
    gone, _ = rows.delete()
    if gone:
        whose = User.objects.only("email").get(pk=user_id).email
        audit_log.append(
            tenant_id=tenant_id,
            actor=by,
            act="calendar-address-removed",
            subject=whose,
            at=at,
        )
    return bool(gone)


def tenant_of_calendar(secret: str) -> int | None:
    """Return the tenant whose calendar an address opens, None if it opens none.

    Runs before the tenant is known: in no unit of work.
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
