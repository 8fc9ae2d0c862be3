"""Counts tries of passwords, and records those that failed or were refused.

The same statements run for an address with and without an account, so their time does
not reveal whether it has one.
"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

from django.db import transaction
from django.http import HttpRequest

from portal.accounts import known_browsers, sign_in_limits
from portal.accounts.client_address import client_address, origin_of
from portal.accounts.sign_in_limits import Locked, SignInTry
from portal.db import counters
from portal.db.counters import Counter
from portal.models import EventKind, User
from portal.security_events.record import record


@dataclass(frozen=True, slots=True)
class CountedTry:
    """A try that was counted before the password is looked at.

    `user_id` is whose address it is, None without an account.
    """

    tried: SignInTry
    user_id: int | None
    counters: tuple[Counter, ...]


def begin(request: HttpRequest, address: str, *, at: datetime) -> CountedTry:
    """Count a try with a cleaned address, before its password is looked at.

    Tries at the same time cannot exceed a limit together.

    Raises:
        Locked: there were too many; it is recorded, and not counted.

    """
    user = User.objects.filter(email=address).first()
    tried = SignInTry(
        address=address,
        client=client_address(request),
        known_browser=known_browsers.browser_id(request, user),
    )
    user_id = user.pk if user else None
    try:
        # Counts taken before a full one are released.
        with transaction.atomic():
            taken = sign_in_limits.take_all(tried, take=_taking(at))
    except Locked:
        _record(EventKind.SIGN_IN_LOCKED, request, user_id, at=at)
        raise
    return CountedTry(tried, user_id, taken)


def succeed(counted: CountedTry, *, at: datetime) -> None:
    """End the person's own count; from the others only this try is taken back."""
    own = sign_in_limits.own_counters_of(counted.tried)
    for counter in counted.counters:
        if counter in own:
            counters.clear(counter)
        else:
            counters.give_back(counter, at=at)


def fail(request: HttpRequest, counted: CountedTry, *, at: datetime) -> None:
    """Record that the password was wrong, or the address nobody's; it stays counted."""
    _record(EventKind.SIGN_IN_FAILED, request, counted.user_id, at=at)


def forget_address(request: HttpRequest, address: str) -> None:
    """End the counts of an address: its owner has set a new password by a link."""
    tried = SignInTry(address=address, client=client_address(request))
    for counter in sign_in_limits.counters_of_address(tried):
        counters.clear(counter)


def _taking(at: datetime) -> Callable[[Counter], datetime | None]:
    return lambda counter: counters.take(counter, at=at)


def _record(
    kind: EventKind, request: HttpRequest, user_id: int | None, *, at: datetime
) -> None:
    # Never what was typed: it may be a password, in the wrong field.
    record(kind, origin=origin_of(request), at=at, user_id=user_id)
