"""Reads from the session which factors a person has presented, and when.

The library records each of them in the session. Its own rule of a recent sign-in is not
used: it accepts the password of a person who has a second factor.
"""

from collections.abc import Mapping, MutableMapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from allauth.account.internal.flows.login import (
    _AUTHENTICATION_METHODS_USER_SESSION_KEY,
    AUTHENTICATION_METHODS_SESSION_KEY,
)
from allauth.mfa.models import Authenticator
from django.conf import settings

from portal.models import User

# How long a sign-in is fresh: long enough to fill in a form.
FRESH_FOR = timedelta(minutes=10)

_FIRST = frozenset({"password", "password_reset"})
SECOND_FACTORS = (Authenticator.Type.TOTP, Authenticator.Type.WEBAUTHN)


@dataclass(frozen=True, slots=True)
class PresentedFactors:
    """When the password (or a link for one) and the second factor were presented last.

    None: not in this session.
    """

    first_at: datetime | None = None
    second_at: datetime | None = None


def presented_factors(session: Mapping[str, Any], user: User) -> PresentedFactors:
    """Return what a person has presented in a session; nothing that another has."""
    # As text, as the library stores it.
    if session.get(_AUTHENTICATION_METHODS_USER_SESSION_KEY) != str(user.pk):
        return PresentedFactors()
    first_at = second_at = None
    for one in session.get(AUTHENTICATION_METHODS_SESSION_KEY, []):
        at = datetime.fromtimestamp(one["at"], UTC)
        if one["method"] == "mfa":
            second_at = at
        elif one["method"] in _FIRST:
            first_at = at
    return PresentedFactors(first_at, second_at)


def forget_second_factor(session: MutableMapping[str, Any]) -> None:
    """Forget the second factor of a session whose person has removed the last one.

    Its instant would otherwise count as the strongest factor, and never be fresh again.
    """
    presented = session.get(AUTHENTICATION_METHODS_SESSION_KEY, [])
    session[AUTHENTICATION_METHODS_SESSION_KEY] = [
        one for one in presented if one["method"] != "mfa"
    ]


def has_second_factor(user_id: int) -> bool:
    """Return whether a person has an authenticator app or a passkey."""
    return Authenticator.objects.filter(user=user_id, type__in=SECOND_FACTORS).exists()


def is_staff_bound(user: User) -> bool:
    """Return whether a person needs a second factor because they are billing staff."""
    return bool(user.staff_role) and settings.STAFF_SECOND_FACTOR
