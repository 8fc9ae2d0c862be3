"""Tenants' secrets: creates, wraps with the master key, and unwraps them.

A wrapped key is a 12-byte nonce, then AES-256-GCM of the 32-byte private key with its
16-byte tag: 60 bytes. Tenant, key and master key are authenticated with it, so that
a row copied to another tenant, or under another fingerprint, does not open.
"""

import hashlib
import secrets
from datetime import datetime

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from django.conf import settings
from django.db.models import F, QuerySet

from portal.approvals import required
from portal.audit import log as audit_log
from portal.db import unit_of_work
from portal.errors import Refused
from usage.models import NameSecret, SealingKey
from usage.usg import envelope, fingerprints

_NONCE_BYTES = 12

# In place of a fingerprint for the secret that names are hashed with.
_NAMES = "names"

# Long enough to tell one's master keys apart; it reveals nothing of them.
_MASTER_KEY_ID_BYTES = 8


class KeyDoesNotOpenError(Exception):
    """A wrapped key does not open: another master key, or a row that was changed."""


def make_sealing_key(tenant_id: int, *, by: str, at: datetime) -> SealingKey:
    """Make a tenant's key pair, in a unit of work of the staff."""
    unit_of_work.hold_tenant(tenant_id)
    pair = envelope.new_sealing_pair()
    fingerprint = fingerprints.fingerprint(pair.public)
    key = SealingKey.objects.create(
        tenant_id=tenant_id,
        fingerprint=fingerprint,
        public=pair.public,
        wrapped_private=_wrap(pair.private, tenant_id, fingerprint),
        master_key=_master_key_id(),
        created_at=at,
    )
    audit_log.append(
        tenant_id=tenant_id, actor=by, act="key-made", subject=fingerprint, at=at
    )
    return key


def retire_sealing_key(
    tenant_id: int, *, key_id: int, by: str, at: datetime, reason: str
) -> SealingKey:
    """Retire a sealing key: it still opens files, and is not handed out any more.

    In a unit of work of the staff.

    Raises:
        Refused: it is the only one that is not retired, it is retired already, there
            is no reason, or the tenant has no such key.

    """
    reason = required(reason)
    unit_of_work.hold_tenant(tenant_id)
    keys = sealing_keys(tenant_id)
    mine, in_use = keys.filter(pk=key_id), keys.filter(retired_at=None)
    if not mine.exists():
        raise Refused("not-found")
    if mine.filter(retired_at=None).exists() and in_use.count() == 1:
        raise Refused("sealing-key-needed")
    retired = {"retired_at": at, "retired_by": by[:200], "retire_reason": reason}
    if not mine.filter(retired_at=None).update(**retired):
        raise Refused("decided-already")
    key = mine.get()
    audit_log.append(
        tenant_id=tenant_id,
        actor=by,
        act="key-retired",
        subject=key.fingerprint,
        details={"reason": reason},
        at=at,
    )
    return key


def sealing_keys(tenant_id: int) -> QuerySet[SealingKey]:
    """Return a tenant's sealing keys, the newest first, retired ones last."""
    return SealingKey.objects.filter(tenant_id=tenant_id).order_by(
        F("retired_at").desc(nulls_first=True), "-created_at", "-pk"
    )


def handed_out_key(tenant_id: int) -> SealingKey | None:
    """Return the key that servers of a tenant are to seal for.

    The newest that is not retired; None before the first one is made.
    """
    return sealing_keys(tenant_id).filter(retired_at=None).first()


def opening_key(tenant_id: int, fingerprint: str) -> bytes | None:
    """Return the private key behind a fingerprint, None if it is not this tenant's.

    A retired key opens files like every other one.

    Raises:
        KeyDoesNotOpenError: it is, but cannot be unwrapped; ours to repair.

    """
    key = SealingKey.objects.filter(
        tenant_id=tenant_id, fingerprint=fingerprint
    ).first()
    if key is None:
        return None
    about = _about(tenant_id, fingerprint, key.master_key)
    return _unwrap(bytes(key.wrapped_private), about, subject=f"key {fingerprint}")


def name_secret(tenant_id: int, *, at: datetime) -> bytes:
    """Return the 32-byte secret of the tenant's name hashes; create it on first use.

    In a unit of work of the tenant. The secret never changes and is not a sealing key:
    with one of the two, nobody can do what needs the other.

    Raises:
        KeyDoesNotOpenError: the secret cannot be unwrapped; ours to repair.

    """
    stored = NameSecret.objects.filter(tenant_id=tenant_id).first()
    if stored is None:
        unit_of_work.hold_tenant(tenant_id)
        stored, _ = NameSecret.objects.get_or_create(
            tenant_id=tenant_id,
            defaults={
                "wrapped": _wrap(secrets.token_bytes(32), tenant_id, _NAMES),
                "master_key": _master_key_id(),
                "created_at": at,
            },
        )
    about = _about(tenant_id, _NAMES, stored.master_key)
    return _unwrap(bytes(stored.wrapped), about, subject="secret for names")


def _unwrap(wrapped: bytes, about: bytes, *, subject: str) -> bytes:
    try:
        return AESGCM(settings.MASTER_KEY).decrypt(
            wrapped[:_NONCE_BYTES], wrapped[_NONCE_BYTES:], about
        )
    except InvalidTag as error:
        message = f"The {subject} does not open with this MASTER_KEY."
        raise KeyDoesNotOpenError(message) from error


def _wrap(private: bytes, tenant_id: int, fingerprint: str) -> bytes:
    nonce = secrets.token_bytes(_NONCE_BYTES)
    about = _about(tenant_id, fingerprint, _master_key_id())
    return nonce + AESGCM(settings.MASTER_KEY).encrypt(nonce, private, about)


def _about(tenant_id: int, fingerprint: str, master_key: str) -> bytes:
    return f"usage-portal key {tenant_id} {fingerprint} {master_key}".encode()


def _master_key_id() -> str:
    digest = hashlib.sha256(b"usage-portal master key " + settings.MASTER_KEY)
    return digest.digest()[:_MASTER_KEY_ID_BYTES].hex()
