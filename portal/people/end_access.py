"""Ends what gives a person access: sessions, tokens, second factors.

Each of these belongs to a package of its own; this is the one place from which the
pages of people end them.
"""

from datetime import datetime

from allauth.mfa.models import Authenticator

from portal.accounts import tokens
from portal.accounts.sessions import end_sessions
from portal.models import ApiToken, EventKind, User
from portal.people import signals
from portal.security_events.record import Origin, record


def tokens_of(user: User, tenant_id: int) -> list[ApiToken]:
    """Return the tokens of a tenant that a person has made and that still work."""
    return list(
        ApiToken.objects.filter(
            tenant=tenant_id, made_by=user.email, revoked_at=None
        ).order_by("created_at", "pk")
    )


def end_tokens(user: User, tenant_id: int, *, by: str, at: datetime) -> None:
    """End the tokens of a tenant that a person has made."""
    for token in tokens_of(user, tenant_id):
        tokens.revoke(tenant_id, token.pk, by=by, at=at)


def end_membership(user: User, tenant_id: int, *, by: str, at: datetime) -> None:
    """End all that a person has in a tenant, and the sessions; in the running unit.

    Call it before the membership is removed: without one a tenant has no right to the
    sessions of a person.
    """
    end_tokens(user, tenant_id, by=by, at=at)
    signals.membership_ended.send(
        sender=User, tenant_id=tenant_id, user_id=user.pk, by=by, at=at
    )
    end_all_sessions(user, by=by, at=at, tenant_id=tenant_id)


def end_all_sessions(
    user: User, *, by: str, at: datetime, tenant_id: int | None = None
) -> None:
    for reference in end_sessions(user.pk):
        record(
            EventKind.SESSION_ENDED,
            origin=Origin(session=reference),
            at=at,
            user_id=user.pk,
            tenant_id=tenant_id,
            actor=by,
        )


def reset_factors(user: User, *, by: str, at: datetime) -> None:
    """Remove the second factors of a person, and end the sessions; in a unit."""
    Authenticator.objects.filter(user=user.pk).delete()
    record(EventKind.FACTORS_RESET, origin=Origin(), at=at, user_id=user.pk, actor=by)
    end_all_sessions(user, by=by, at=at)
