"""Accepts the code or passkey of a form, and records it in the session."""

from datetime import datetime
from typing import Any

from allauth.account.internal.flows.login import record_authentication
from django.http import HttpRequest

from portal.accounts.client_address import origin_of
from portal.accounts.passkey_obstacle import passkey_obstacle
from portal.models import EventKind, User
from portal.second_factor import passkeys, text
from portal.second_factor.present import (
    CodeRefusedError,
    present_code,
    present_password,
)
from portal.second_factor.queries import PersonFactors
from portal.security_events.record import record


def accept_factor(request: HttpRequest, user: User, *, at: datetime) -> str:
    """Accept the passkey or code of a form; return why not, empty if it is accepted."""
    origin = origin_of(request)
    sent = request.POST.get("credential", "")
    try:
        if sent:
            row = passkeys.finish_presenting(request.session, user.pk, sent, at=at)
            factor_id, kind = row.pk, row.type
        else:
            typed = request.POST.get("code", "")
            code = present_code(user, typed, origin=origin, at=at)
            factor_id, kind = code.factor_id, code.kind
    except CodeRefusedError as error:
        return text.refusal_text(error.reason, error.minutes)
    except passkeys.PasskeyRefusedError:
        record_refused_passkey(request, user.pk, at=at)
        return str(text.REASONS["passkey-refused"])
    record_authentication(request, user, "mfa", id=factor_id, type=kind)
    return ""


def accept_password(request: HttpRequest, user: User, *, at: datetime) -> str:
    """Accept the password of a form; return why not, empty if it is accepted."""
    try:
        typed = request.POST.get("password", "")
        present_password(user, typed, origin=origin_of(request), at=at)
    except CodeRefusedError as error:
        return text.refusal_text(error.reason, error.minutes)
    record_authentication(request, user, "password")
    return ""


def record_refused_passkey(
    request: HttpRequest, user_id: int | None, *, at: datetime
) -> None:
    # Before the sign-in the owner of the passkey is unknown: the client sends it.
    kind = EventKind.FACTOR_FAILED if user_id else EventKind.SIGN_IN_FAILED
    details = {"factor": "passkey"}
    origin = origin_of(request)
    record(kind, origin=origin, at=at, user_id=user_id, details=details)


def ways(request: HttpRequest, factors: PersonFactors) -> dict[str, Any]:
    """Return what a page offers to present: passkey, code of an app, recovery code."""
    obstacle = passkey_obstacle(request.get_host())
    has_passkey = bool(factors.passkeys)
    return {
        "has_app": factors.app is not None,
        "has_passkey": has_passkey and not obstacle,
        "obstacle": obstacle if has_passkey else {},
        "codes_left": factors.codes_left,
    }
