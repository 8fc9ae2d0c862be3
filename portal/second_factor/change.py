"""Adds and removes factors: with event, mail, and the end of other sessions.

Each function is one transaction, outside of any unit of work: factors belong to people,
not to a tenant.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from allauth.mfa.models import Authenticator
from allauth.mfa.recovery_codes.internal.auth import RecoveryCodes
from django.db import IntegrityError, transaction

from portal.accounts import request_mails
from portal.accounts.end_sessions import EndReason, end_and_record
from portal.errors import Refused
from portal.models import EventKind, User
from portal.second_factor.present import recovery_codes
from portal.second_factor.queries import (
    RECOVERY_CODES,
    TOTP,
    WEBAUTHN,
    factors_of,
    locked_seconds,
    needs_factor,
    waits_until,
)
from portal.second_factor.sealing import seal, sealing_for
from portal.security_events.record import Origin, record

# More than anybody has; each is opened at every sign-in by passkey.
MOST_PASSKEYS = 20


@dataclass(frozen=True, slots=True)
class AddedFactor:
    """A new factor; `codes` are recovery codes made with the first, shown once."""

    factor_id: int
    kind: str
    codes: tuple[str, ...]


def add_app(
    user: User, secret: str, *, counter: int, origin: Origin, at: datetime
) -> AddedFactor:
    """Add an authenticator app, whose code of the step `counter` was just used.

    Raises:
        Refused: the person has one, or has to wait after a reset.

    """
    with sealing_for(user.pk, TOTP):
        data: Mapping[str, str | int] = {
            "secret": seal(secret),
            "last_counter": counter,
        }
    return _add(user, TOTP, data, name="", origin=origin, at=at)


def add_passkey(
    user: User, sealed: str, *, name: str, origin: Origin, at: datetime
) -> AddedFactor:
    """Add a passkey, as `passkeys.finish_set_up` has sealed it.

    Raises:
        Refused: the person has too many, or has to wait after a reset.

    """
    passkeys = factors_of(user.pk).passkeys
    if len(passkeys) >= MOST_PASSKEYS:
        raise Refused("too-many-passkeys", limit=MOST_PASSKEYS)
    name = name or f"Passkey {len(passkeys) + 1}"
    data = {"name": name, "credential": sealed}
    return _add(user, WEBAUTHN, data, name=name, origin=origin, at=at)


def _add(
    user: User,
    kind: str,
    data: Mapping[str, str | int],
    *,
    name: str,
    origin: Origin,
    at: datetime,
) -> AddedFactor:
    if waits_until(user.pk, at=at):
        raise Refused("factor-waits")
    try:
        with transaction.atomic():
            is_first = not locked_seconds(user.pk)
            row = Authenticator.objects.create(
                user=user, type=kind, data=dict(data), created_at=at, last_used_at=at
            )
            codes = _new_codes(user, at=at) if is_first else ()
            if is_first:
                _end_others(user, origin, at=at)
            event = EventKind.FACTOR_ADDED
            details = {"factor": kind, "name": name}
            record(event, origin=origin, at=at, user_id=user.pk, details=details)
            _mail(user, "factor-added", origin)
    except IntegrityError as error:
        raise Refused("factor-exists") from error
    return AddedFactor(row.pk, kind, codes)


def remove(user: User, factor_id: int, *, origin: Origin, at: datetime) -> bool:
    """Remove a second factor; return whether it was the last one.

    Recovery codes go with the last one, and all other sessions end.

    Raises:
        Refused: the person has no such factor, or needs the last one.

    """
    with transaction.atomic():
        rows = locked_seconds(user.pk)
        row = next((one for one in rows if one.pk == factor_id), None)
        if row is None:
            raise Refused("not-found")
        is_last = len(rows) == 1
        if is_last and needs_factor(user):
            raise Refused("last-factor")
        doomed = Authenticator.objects.filter(user=user)
        (doomed if is_last else doomed.filter(pk=row.pk)).delete()
        _end_others(user, origin, at=at)
        details = {"factor": row.type, "name": row.data.get("name", "")}
        kind = EventKind.FACTOR_REMOVED
        record(kind, origin=origin, at=at, user_id=user.pk, details=details)
        _mail(user, "factor-removed", origin)
    return is_last


def rename(user: User, factor_id: int, name: str) -> None:
    """Give a passkey another name.

    Raises:
        Refused: the person has no such passkey.

    """
    with transaction.atomic():
        rows = locked_seconds(user.pk)
        row = next((r for r in rows if (r.pk, r.type) == (factor_id, WEBAUTHN)), None)
        if row is None:
            raise Refused("not-found")
        row.data["name"] = name
        row.save(update_fields=["data"])


def renew_codes(user: User, *, origin: Origin, at: datetime) -> tuple[str, ...]:
    """Make ten new recovery codes in place of the old ones, used or not.

    Raises:
        Refused: the person has no second factor.

    """
    with transaction.atomic():
        if not locked_seconds(user.pk):
            raise Refused("factor-missing")
        codes = _new_codes(user, at=at)
        kind = EventKind.RECOVERY_CODES_MADE
        record(kind, origin=origin, at=at, user_id=user.pk)
        _mail(user, "recovery-codes-made", origin)
    return codes


def _new_codes(user: User, *, at: datetime) -> tuple[str, ...]:
    with sealing_for(user.pk, RECOVERY_CODES):
        data = {"seed": seal(RecoveryCodes.generate_seed()), "used_mask": 0}
    row, _ = Authenticator.objects.update_or_create(
        user=user,
        type=RECOVERY_CODES,
        defaults={"data": data, "created_at": at, "last_used_at": None},
    )
    return tuple(recovery_codes(row))


def _end_others(user: User, origin: Origin, *, at: datetime) -> None:
    end_and_record(
        user.pk, but=origin.session, reason=EndReason.FACTOR, origin=origin, at=at
    )


def _mail(user: User, kind: str, origin: Origin) -> None:
    request_mails.report_factor_change(user.email, kind=kind, ip=origin.address)
