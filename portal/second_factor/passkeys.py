"""Passkeys (WebAuthn): the options that browsers get, and the check of what they send.

The relying party is the host of PORTAL_ADDRESS, whatever the Host header says, and the
origin has to be PORTAL_ADDRESS exactly. Every passkey verifies its user, by PIN or
body, so that it counts as two factors. What is stored of one is sealed for its person:
a row that somebody writes into the database is no passkey.
"""

import json
import struct
from base64 import b64decode, b64encode
from collections.abc import MutableMapping
from datetime import datetime, timedelta
from typing import Any
from urllib.parse import urlsplit

from allauth.mfa.models import Authenticator
from django.conf import settings
from fido2.server import Fido2Server
from fido2.utils import websafe_decode
from fido2.webauthn import (
    AttestedCredentialData,
    PublicKeyCredentialRpEntity,
    PublicKeyCredentialUserEntity,
    ResidentKeyRequirement,
    UserVerificationRequirement,
)

from portal.models import User
from portal.second_factor.adapter import Factors
from portal.second_factor.queries import WEBAUTHN, factors_of
from portal.second_factor.sealing import (
    FactorDoesNotOpenError,
    open_sealed,
    sealing_for,
)

# How long a browser may take: people look for a security key.
ANSWERED_WITHIN = timedelta(minutes=5)

_STATE = "passkey"

# What parsing raises for bytes that no browser makes.
_MALFORMED = (
    *(ValueError, TypeError, KeyError, IndexError, AttributeError, AssertionError),
    *(struct.error, RecursionError, NotImplementedError),
)

_REQUIRED = UserVerificationRequirement.REQUIRED

Session = MutableMapping[str, Any]


class PasskeyRefusedError(Exception):
    """What the browser sent is no proof of a passkey of this person and portal."""


def begin_set_up(session: Session, user: User, *, at: datetime) -> dict[str, Any]:
    """Return the options of `navigator.credentials.create`, as JSON."""
    entity = PublicKeyCredentialUserEntity(
        id=_handle(user), name=user.email, display_name=user.name
    )
    options, state = _server().register_begin(
        user=entity,
        credentials=_credentials(user.pk),
        resident_key_requirement=ResidentKeyRequirement.REQUIRED,
        user_verification=_REQUIRED,
    )
    _keep(session, state, purpose="set-up", user_id=user.pk, at=at)
    return dict(options)


def finish_set_up(session: Session, user: User, sent: str, *, at: datetime) -> str:
    """Return what is stored of a new passkey, sealed for the person.

    Raises:
        PasskeyRefusedError: it was not made for this portal, person and request.

    """
    state = _take(session, purpose="set-up", user_id=user.pk, at=at)
    try:
        made = _server().register_complete(state, json.loads(sent)).credential_data
    except _MALFORMED as error:
        raise PasskeyRefusedError from error
    if made is None:
        raise PasskeyRefusedError
    with sealing_for(user.pk, WEBAUTHN):
        return Factors().encrypt(b64encode(bytes(made)).decode())


def begin_presenting(
    session: Session, user_id: int | None, *, at: datetime
) -> dict[str, Any]:
    """Return the options of `navigator.credentials.get`, as JSON.

    Args:
        session: where the challenge is kept.
        user_id: whose passkeys; None for a sign-in, where the passkey names its person.
        at: now.

    """
    credentials = [] if user_id is None else _credentials(user_id)
    options, state = _server().authenticate_begin(
        credentials=credentials, user_verification=_REQUIRED
    )
    _keep(session, state, purpose="present", user_id=user_id, at=at)
    return dict(options)


def finish_presenting(
    session: Session, user_id: int | None, sent: str, *, at: datetime
) -> Authenticator:
    """Return the passkey that was presented, and note that it was used.

    Raises:
        PasskeyRefusedError: it is not of this person, portal and request.

    """
    state = _take(session, purpose="present", user_id=user_id, at=at)
    try:
        answer = json.loads(sent)
        person = _person_of(answer) if user_id is None else user_id
        rows = _opened(person)
        credentials = [credential for _, credential in rows]
        used = _server().authenticate_complete(state, credentials, answer)
    except _MALFORMED as error:
        raise PasskeyRefusedError from error
    row = next(row for row, one in rows if one.credential_id == used.credential_id)
    # Removed meanwhile: then nothing is changed.
    if not Authenticator.objects.filter(pk=row.pk).update(last_used_at=at):
        raise PasskeyRefusedError
    return row


def _server() -> Fido2Server:
    address = urlsplit(settings.PORTAL_ADDRESS)
    party = Factors().get_public_key_credential_rp_entity()
    origin = f"{address.scheme}://{address.netloc}"
    return Fido2Server(
        PublicKeyCredentialRpEntity(id=party["id"], name=party["name"]),
        verify_origin=lambda found: found == origin,
    )


def _handle(user: User) -> bytes:
    return str(user.pk).encode()


def _person_of(answer: Any) -> int:
    return int(websafe_decode(answer["response"]["userHandle"]))


def _credentials(user_id: int) -> list[AttestedCredentialData]:
    return [credential for _, credential in _opened(user_id)]


def _opened(user_id: int) -> list[tuple[Authenticator, AttestedCredentialData]]:
    """Return the passkeys of a person; those that do not open are left out."""
    found = []
    for row in factors_of(user_id).passkeys:
        try:
            with sealing_for(row.user_id, WEBAUTHN):
                raw = b64decode(open_sealed(row.data["credential"]))
        except FactorDoesNotOpenError:
            continue
        found.append((row, AttestedCredentialData(raw)))
    return found


def _keep(
    session: Session, state: Any, *, purpose: str, user_id: int | None, at: datetime
) -> None:
    about = {"purpose": purpose, "user": user_id, "at": at.timestamp()}
    session[_STATE] = {"state": dict(state), **about}


def _take(
    session: Session, *, purpose: str, user_id: int | None, at: datetime
) -> dict[str, Any]:
    """Return the state of a request and forget it: each challenge is answered once."""
    kept = session.pop(_STATE, None)
    if not kept or (kept["purpose"], kept["user"]) != (purpose, user_id):
        raise PasskeyRefusedError
    if at.timestamp() - kept["at"] > ANSWERED_WITHIN.total_seconds():
        raise PasskeyRefusedError
    state: dict[str, Any] = kept["state"]
    return state
