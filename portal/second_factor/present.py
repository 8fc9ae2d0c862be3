"""Checks codes that people present: of their app, or a recovery code, each once."""

import logging
from dataclasses import dataclass
from datetime import datetime
from hmac import compare_digest

from allauth.mfa.models import Authenticator
from allauth.mfa.recovery_codes.internal.auth import RecoveryCodes
from django.db import transaction

from portal.accounts import request_mails
from portal.models import EventKind, User
from portal.second_factor import sql, totp
from portal.second_factor.queries import CODES, factors_of
from portal.second_factor.sealing import (
    FactorDoesNotOpenError,
    open_sealed,
    sealing_for,
)
from portal.security_events.record import Origin, record

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class PresentedCode:
    """A code that was accepted, and the factor that it is of."""

    factor_id: int
    kind: str
    codes_left: int


class CodeRefusedError(Exception):
    """A code or password is not accepted; `reason` is a code of `text.REASONS`.

    `minutes` is how far the clock of the phone is ahead, negative: behind.
    """

    def __init__(self, reason: str, *, minutes: int = 0) -> None:
        super().__init__(reason)
        self.reason, self.minutes = reason, minutes


def present_code(
    user: User, typed: str, *, origin: Origin, at: datetime
) -> PresentedCode:
    """Accept a code of a person's app or a recovery code, or refuse it with an event.

    Raises:
        CodeRefusedError: it is wrong, was used before, or there were too many tries.

    """
    digits = "".join(one for one in typed if one.isascii() and one.isdigit())
    count_try(user, origin=origin, at=at)
    try:
        if len(digits) > len("123456"):
            accepted = _accept_recovery_code(user, digits, origin=origin, at=at)
        else:
            accepted = _accept_app_code(user, digits, at=at)
    except FactorDoesNotOpenError:
        # The row was changed, or MASTER_KEY is another one: log it for operators.
        logger.exception("A factor of person %s does not open", user.pk)
        _record_failure(user, "does-not-open", origin=origin, at=at)
        raise CodeRefusedError("code-wrong") from None
    except CodeRefusedError as error:
        _record_failure(user, error.reason, origin=origin, at=at)
        raise
    sql.give_try_back(user.pk)
    return accepted


def _record_failure(user: User, reason: str, *, origin: Origin, at: datetime) -> None:
    details = {"factor": "code", "reason": reason}
    kind = EventKind.FACTOR_FAILED
    record(kind, origin=origin, at=at, user_id=user.pk, details=details)


def present_password(
    user: User, password: str, *, origin: Origin, at: datetime
) -> None:
    """Accept the password of somebody who has no second factor, on the same count.

    Raises:
        CodeRefusedError: it is wrong, or there were too many tries.

    """
    count_try(user, origin=origin, at=at)
    if not user.check_password(password):
        record(EventKind.SIGN_IN_FAILED, origin=origin, at=at, user_id=user.pk)
        raise CodeRefusedError("password-wrong")
    sql.give_try_back(user.pk)


def count_try(user: User, *, origin: Origin, at: datetime) -> None:
    """Count a try before it is checked, so that simultaneous ones are all counted.

    Raises:
        CodeRefusedError: there were too many.

    """
    if sql.take_try(user.pk, at=at):
        return
    record(
        EventKind.SIGN_IN_LOCKED,
        origin=origin,
        at=at,
        user_id=user.pk,
        details={"factor": "code"},
    )
    raise CodeRefusedError("too-many-tries")


def match_in_time(secret: str, digits: str, *, at: datetime) -> totp.CodeMatch:
    """Return the accepted step of a code; for a new app, whose secret nobody has used.

    Raises:
        CodeRefusedError: the code is wrong, or the phone is minutes off.

    """
    match = totp.find_match(secret, digits, at=at)
    if match is None:
        raise CodeRefusedError("code-wrong")
    if not match.is_in_time:
        raise CodeRefusedError("clock-off", minutes=match.minutes_fast)
    return match


def _accept_app_code(user: User, digits: str, *, at: datetime) -> PresentedCode:
    factors = factors_of(user.pk)
    if factors.app is None:
        raise CodeRefusedError("code-wrong")
    factor_id = factors.app.pk
    match = totp.find_match(_secret_of(factors.app), digits, at=at)
    if match is None:
        raise CodeRefusedError("code-wrong")
    if not match.is_in_time:
        if match.steps_fast > 0:
            sql.refuse_step(factor_id, counter=match.counter)
        raise CodeRefusedError("clock-off", minutes=match.minutes_fast)
    if not sql.use_step(factor_id, user_id=user.pk, counter=match.counter, at=at):
        raise CodeRefusedError("code-used")
    return PresentedCode(factor_id, factors.app.type, factors.codes_left)


def _secret_of(app: Authenticator) -> str:
    with sealing_for(app.user_id, app.type):
        return open_sealed(app.data["secret"])


@transaction.atomic
def _accept_recovery_code(
    user: User, digits: str, *, origin: Origin, at: datetime
) -> PresentedCode:
    row = factors_of(user.pk).codes
    if row is None:
        raise CodeRefusedError("code-wrong")
    codes = recovery_codes(row)
    number = next(
        (i for i, one in enumerate(codes) if compare_digest(one, digits)), None
    )
    if number is None:
        raise CodeRefusedError("code-wrong")
    seed = row.data["seed"]
    if not sql.use_recovery_code(
        row.pk, user_id=user.pk, number=number, seed=seed, at=at
    ):
        raise CodeRefusedError("code-used")
    left = factors_of(user.pk).codes_left
    details = {"left": left, "of": CODES}
    kind = EventKind.RECOVERY_CODE_USED
    record(kind, origin=origin, at=at, user_id=user.pk, details=details)
    request_mails.report_factor_change(
        user.email, kind="recovery-code-used", ip=origin.address
    )
    return PresentedCode(row.pk, row.type, left)


def recovery_codes(row: Authenticator) -> list[str]:
    """Return the codes of a row of recovery codes, used ones included."""
    with sealing_for(row.user_id, row.type):
        codes: list[str] = RecoveryCodes(row).generate_codes()
    return codes
