"""Ends what gives a person access: sessions, tokens, second factors.

Each of these belongs to a package of its own; this is the one place from which the
pages of people end them.
"""

from datetime import datetime

from portal.accounts import tokens
from portal.accounts.end_sessions import EndReason, end_and_record
from portal.models import ApiToken, User
from portal.people import signals
from portal.second_factor import reset
from portal.security_events.record import Origin


def tokens_of(user: User, tenant_id: int) -> list[ApiToken]:
    """Return the tokens of a tenant that a person has made and that still work."""
    mine = ApiToken.objects.filter(
        tenant=tenant_id, made_by_user=user.pk, revoked_at=None
    )
    return list(mine.order_by("created_at", "pk"))


def end_membership(
    user: User, tenant_id: int, *, by: str, origin: Origin, at: datetime
) -> None:
    """End all that a person has in a tenant, and the sessions; in the running unit.

    Call it before the membership is removed: without one a tenant has no right to the
    sessions of a person.
    """
    tokens.end_tokens_of(user.pk, tenant_id=tenant_id, by=by, at=at)
    signals.membership_ended.send(
        sender=User, tenant_id=tenant_id, user_id=user.pk, by=by, at=at
    )
    end_all_sessions(user, by=by, origin=origin, at=at, tenant_id=tenant_id)


def end_all_sessions(
    user: User, *, by: str, origin: Origin, at: datetime, tenant_id: int | None = None
) -> None:
    end_and_record(
        user.pk,
        reason=EndReason.SOMEBODY_ELSE,
        origin=origin,
        at=at,
        actor=by,
        tenant_id=tenant_id,
    )


def reset_factors(
    user: User, *, tenant_id: int | None, by: str, origin: Origin, at: datetime
) -> None:
    """Remove the second factors of a person, and end sessions and tokens; in a unit.

    `tenant_id` is the tenant whose unit of work runs, None for that of the staff.
    """
    tokens.end_tokens_of(user.pk, tenant_id=tenant_id, by=by, at=at)
    reset.reset_factors(user, by=by, tenant_id=tenant_id, origin=origin, at=at)
