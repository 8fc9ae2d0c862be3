"""Sessions: found by the hash of their cookie, limited in time, ended by a row.

Django renews a session by saving all of it, with every request. This store only moves
its end, once in a while, so that a long upload cannot write back what a sign-out or a
switch of the customer has changed in the meantime. A session that was ended in the
database is never written again.

What a session holds is sealed with a key that only the cookie gives: the sign-in
library keeps the secret of a link for a new password there, as it was in the mail.
"""

import hashlib
import secrets
from base64 import b64decode, b64encode
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from django.contrib.auth import SESSION_KEY
from django.contrib.sessions.backends import db
from django.contrib.sessions.backends.base import UpdateError
from django.db.models import QuerySet
from django.utils import timezone

from portal.models import Session, User
from portal.security_events.record import Origin

# Where `begin` keeps the facts of the sign-in, until the session is saved.
_SIGN_IN = "_portal_sign_in"

_NONCE_BYTES = 12


@dataclass(frozen=True, slots=True)
class SessionLimits:
    """How long a session lasts: after its last use, and after its beginning."""

    idle: timedelta
    absolute: timedelta

    @property
    def step(self) -> timedelta:
        """How exact the time of the last use is; writing it costs a commit."""
        return self.idle / 30


# Staff see all tenants, often at desks that others pass.
_OF_STAFF = SessionLimits(idle=timedelta(minutes=30), absolute=timedelta(hours=12))
_OF_MEMBERS = SessionLimits(idle=timedelta(hours=12), absolute=timedelta(days=7))


def limits_of(user: User) -> SessionLimits:
    """Return how long the sessions of a person last."""
    return _OF_STAFF if user.staff_role else _OF_MEMBERS


def hash_of(cookie: str) -> str:
    """Return what a session is stored under: SHA-256 of its cookie, in hexadecimal.

    A cookie holds more than 160 random bits, so a plain hash is enough.
    """
    return hashlib.sha256(cookie.encode(errors="surrogatepass")).hexdigest()


def _sealing_with(cookie: str) -> AESGCM:
    """Return what seals the data of a session; its stored hash gives no key."""
    secret = b"usage-portal session data " + cookie.encode(errors="surrogatepass")
    return AESGCM(hashlib.sha256(secret).digest())


class SessionStore(db.SessionStore):
    """Django's session in the database; `stored` is its row as it was loaded."""

    stored: Session | None = None

    @classmethod
    def get_model_class(cls) -> type[Session]:
        return Session

    def exists(self, session_key: str | None) -> bool:
        return Session.objects.filter(session_key=hash_of(session_key or "")).exists()

    def delete(self, session_key: str | None = None) -> None:
        key = session_key or self.session_key
        if key is not None:
            Session.objects.filter(session_key=hash_of(key)).delete()

    def encode(self, session_dict: dict[str, Any]) -> str:
        """Return the data, sealed: base64 of a nonce and AES-256-GCM with its tag."""
        nonce = secrets.token_bytes(_NONCE_BYTES)
        plain = super().encode(session_dict).encode()
        sealed = _sealing_with(self.session_key or "").encrypt(nonce, plain, None)
        return b64encode(nonce + sealed).decode()

    def decode(self, session_data: bytes | str) -> dict[str, Any]:
        """Return the data; nothing if they are not of the session with this cookie."""
        try:
            raw = b64decode(session_data, validate=True)
            nonce, sealed = raw[:_NONCE_BYTES], raw[_NONCE_BYTES:]
            plain = _sealing_with(self.session_key or "").decrypt(nonce, sealed, None)
        except (InvalidTag, ValueError):
            return {}
        return super().decode(plain.decode())

    def begin(self, user: User, *, origin: Origin, at: datetime) -> None:
        """Record who has signed in, where and when; saved with the session."""
        self[_SIGN_IN] = {
            "address": origin.address[:45],
            "agent": origin.agent[:300],
            "at": at.isoformat(),
            "idle": limits_of(user).idle.total_seconds(),
        }

    def save(self, must_create: bool = False) -> None:  # noqa: FBT001, FBT002 - Django's way
        """Store the session; one that was ended meanwhile stays ended.

        Raises:
            CreateError: the key is taken.
            UpdateError: the session has ended.

        """
        if self.session_key is None:
            self.create()
            return
        if must_create:
            super().save(must_create=True)
            return
        data = self._get_session(no_load=False)  # type: ignore[attr-defined]  # the stubs leave it out
        columns = self._columns(data)
        changed = Session.objects.filter(session_key=hash_of(self.session_key)).update(
            session_data=self.encode(data), **columns
        )
        if not changed:
            raise UpdateError

    def cycle_key(self) -> None:
        """Go on under another key; a session that was ended meanwhile stays ended.

        The row is kept: who ends the session at the same moment finds it all the same.
        Without a row nothing is stored, and `save` raises UpdateError.
        """
        data = self._get_session()  # type: ignore[attr-defined]  # the stubs leave it out
        row = self.stored
        if row is None or row.begun_at is None:
            super().cycle_key()
            return
        self._session_key = self._get_new_session_key()  # type: ignore[attr-defined]  # the same
        before, row.session_key = row.session_key, hash_of(self._session_key)
        Session.objects.filter(session_key=before).update(
            session_key=row.session_key, session_data=self.encode(data)
        )

    def create_model_instance(self, data: Mapping[str, Any]) -> Session:
        # Also when a session goes on under another key.
        before, self.stored = self.stored, None
        columns = self._columns(data)
        if before is not None and before.begun_at == columns.get("begun_at"):
            columns |= {
                "last_seen_at": before.last_seen_at,
                "expire_date": before.expire_date,
            }
        self.stored = Session(
            session_key=hash_of(self._get_or_create_session_key()),  # type: ignore[attr-defined]  # the stubs leave it out
            session_data=self.encode(dict(data)),
            **columns,
        )
        return self.stored

    def renew(self, user: User, *, at: datetime) -> bool:
        """Note that the session is used at `at`; False if its time is over.

        A session of one person that names another is over too.
        """
        row = self.stored
        if row is None or row.begun_at is None or row.last_seen_at is None:
            return False
        limits = limits_of(user)
        last = row.begun_at + limits.absolute
        ends_at = min(row.last_seen_at + limits.idle, last)
        if row.user_id != user.pk or at >= ends_at:
            return False
        if at - row.last_seen_at >= limits.step:
            row.last_seen_at = at
            Session.objects.filter(session_key=row.session_key).update(
                last_seen_at=at, expire_date=min(at + limits.idle, last)
            )
        return True

    def _get_session_from_db(self) -> Session | None:
        key = hash_of(self.session_key or "")
        self.stored = Session.objects.filter(
            session_key=key, expire_date__gt=timezone.now()
        ).first()
        if self.stored is None:
            self._session_key = None
        return self.stored

    def _columns(self, data: Mapping[str, Any]) -> dict[str, Any]:
        """Return the columns about the person; none before they have signed in.

        The times of a session that goes on are moved by `renew` alone.
        """
        sign_in, user_id = data.get(_SIGN_IN), data.get(SESSION_KEY)
        row = self.stored
        if not sign_in or not user_id:
            is_new = row is None or row.begun_at is None
            return {"expire_date": self.get_expiry_date()} if is_new else {}
        begun_at = datetime.fromisoformat(sign_in["at"])
        records = data.get("account_authentication_methods", [])
        columns = {
            "user_id": int(user_id),
            "begun_at": begun_at,
            "address": sign_in["address"],
            "agent": sign_in["agent"],
            "factors": list(dict.fromkeys(_factor(one) for one in records)),
        }
        if row is None or row.begun_at != begun_at:
            columns |= {
                "last_seen_at": begun_at,
                "expire_date": begun_at + timedelta(seconds=sign_in["idle"]),
            }
        return columns


def sessions_of(user_id: int, *, at: datetime) -> QuerySet[Session]:
    """Return the sessions of a person that have not ended, the last used first."""
    return Session.objects.filter(user=user_id, expire_date__gt=at).order_by(
        "-last_seen_at"
    )


def end_sessions(
    user_id: int, *, but: UUID | None = None, only: UUID | None = None
) -> list[UUID]:
    """End the sessions of a person at once; return the references of those that ended.

    Args:
        user_id: whose sessions.
        but: the reference of one that goes on.
        only: the reference of the only one to end.

    """
    found = Session.objects.filter(user=user_id)
    if but is not None:
        found = found.exclude(reference=but)
    if only is not None:
        found = found.filter(reference=only)
    references = list(found.values_list("reference", flat=True))
    Session.objects.filter(user=user_id, reference__in=references).delete()
    return references


def _factor(record: Mapping[str, Any]) -> str:
    """Return the name of a factor that the library has recorded, such as "totp"."""
    return str(record.get("type") or record.get("method") or "")
