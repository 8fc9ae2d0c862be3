"""Issues, revokes and finds API tokens, which are shown once and stored as a hash."""

import hashlib
import secrets
from datetime import datetime, timedelta

from django.db.models import Q

from portal.accounts.caller import Caller, token_caller
from portal.audit import log as audit_log
from portal.db import unit_of_work
from portal.errors import Refused
from portal.models import ApiToken
from portal.typed_text.clean import one_line

# Lets people and secret scanners recognise a stray token.
PREFIX = "usg_"

# 256 random bits cannot be guessed, so a plain SHA-256 is hash enough.
_RANDOM_BYTES = 32

# Schemes by which a proxy in front signs people in; it may pass their credentials on.
# Any other scheme is a mistyped token.
_SCHEMES_OF_PROXIES = frozenset({"basic", "digest", "negotiate", "ntlm"})

# How exact "last used" is: writing it with every request would cost a commit each.
_LAST_USED_STEP = timedelta(minutes=10)


def header_for_portal(header: str | None) -> str | None:
    """Return an Authorization header; None if there is none, or it is for a proxy."""
    if header and header.partition(" ")[0].lower() in _SCHEMES_OF_PROXIES:
        return None
    return header


def issue(
    tenant_id: int, *, name: str, scope: str, by: str, at: datetime
) -> tuple[ApiToken, str]:
    """Create a token in the running unit of work; its string is returned only now."""
    name = one_line(name)
    unit_of_work.hold_tenant(tenant_id)
    secret = PREFIX + secrets.token_urlsafe(_RANDOM_BYTES)
    token = ApiToken.objects.create(
        tenant_id=tenant_id,
        name=name,
        digest=_digest(secret),
        scope=scope,
        made_by=by,
        created_at=at,
    )
    audit_log.append(
        tenant_id=tenant_id,
        actor=by,
        act="token-issued",
        subject=name,
        details={"scope": scope},
        at=at,
    )
    return token, secret


def revoke(tenant_id: int, token_id: int, *, by: str, at: datetime) -> ApiToken:
    """Revoke a token in the running unit of work of its tenant; twice is harmless.

    Raises:
        Refused: the tenant has no such token.

    """
    unit_of_work.hold_tenant(tenant_id)
    token = ApiToken.objects.filter(pk=token_id).first()
    if token is None:
        raise Refused("not-found")
    if token.revoked_at is None:
        token.revoked_at = at
        token.save(update_fields=["revoked_at"])
        audit_log.append(
            tenant_id=tenant_id,
            actor=by,
            act="token-revoked",
            subject=token.name,
            details={"token": token.pk},
            at=at,
        )
    return token


def find(secret: str, *, at: datetime) -> Caller | None:
    """Return the caller of a token that is valid at `at`, or None."""
    alive = Q(revoked_at=None) & (Q(expires_at=None) | Q(expires_at__gt=at))
    found = (
        ApiToken.objects.filter(alive, digest=_digest(secret))
        .values("pk", "name", "tenant_id", "scope", "last_used_at")
        .first()
    )
    if found is None:
        return None
    last_used_at = found["last_used_at"]
    if last_used_at is None or at - last_used_at > _LAST_USED_STEP:
        ApiToken.objects.filter(pk=found["pk"]).update(last_used_at=at)
    return token_caller(
        name=found["name"],
        tenant_id=found["tenant_id"],
        scope=found["scope"],
        token_id=found["pk"],
    )


def _digest(secret: str) -> bytes:
    return hashlib.sha256(secret.encode()).digest()
