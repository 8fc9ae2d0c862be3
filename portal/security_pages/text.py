"""Sentences about factors of a sign-in and details of security events."""

from collections.abc import Mapping, Sequence
from typing import Any

from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from portal.accounts.end_sessions import EndReason

_FACTORS = {
    "password": _("password"),
    "password_reset": _("link in a mail"),
    "totp": _("code of an authenticator app"),
    "webauthn": _("passkey"),
    "recovery_codes": _("recovery code"),
}

_ENDED = {
    EndReason.TIME: _("it expired"),
    EndReason.PERSON: _("the person ended it"),
    EndReason.SOMEBODY_ELSE: _("somebody else ended it"),
    EndReason.PASSWORD: _("the password was changed"),
    EndReason.FACTOR: _("a second factor was added or removed"),
}


def factors_text(factors: Sequence[str]) -> str:
    """Return how somebody has signed in: "password, code of an app"."""
    words = [str(_FACTORS[one]) for one in factors if one in _FACTORS]
    return ", ".join(dict.fromkeys(words)) or gettext("not known")


def details_text(details: Mapping[str, Any]) -> str:
    """Return the details of an event; empty if they mean nothing to people."""
    reason, endpoint, digest = (
        str(details.get(name, "")) for name in ("reason", "endpoint", "digest")
    )
    if reason in _ENDED:
        return str(_ENDED[EndReason(reason)])
    if endpoint:
        method = str(details.get("method", ""))
        return gettext("called %(method)s %(endpoint)s") % {
            "method": method,
            "endpoint": endpoint,
        }
    if digest:
        return gettext("hash of the token begins with %(digest)s") % {"digest": digest}
    return ""
