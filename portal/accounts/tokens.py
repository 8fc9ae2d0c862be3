"""Issues, replaces and revokes API tokens, which are shown once and stored as a hash.

All functions work in the running unit of work, and add entries to the tenant's trail.
Requests are authenticated by `portal.accounts.token_sign_in`.
"""

import hashlib
import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from portal.audit import log as audit_log
from portal.db import unit_of_work
from portal.errors import Refused
from portal.models import ApiToken
from portal.typed_text.clean import one_line

# Lets people and secret scanners recognise a stray token.
PREFIX = "usg_"

# 256 random bits cannot be guessed, so a plain SHA-256 is hash enough.
_RANDOM_BYTES = 32

# How long a token lasts: unless something else is chosen, and at most.
LASTS, LASTS_AT_MOST = timedelta(days=90), timedelta(days=365)

# How long before the end of a token its admins are mailed.
WARN_BEFORE = timedelta(days=14)

# Days for which the old and the new secret both work: time to change it on all servers.
OVERLAP_DAYS, OVERLAP_DAYS_AT_MOST = 7, 14


@dataclass(frozen=True, slots=True, kw_only=True)
class TokenTerms:
    """The limits of a new token, and the member who makes it.

    `lasts` is at most `LASTS_AT_MOST`. `user_id` is None where billing staff or a
    command make the token: it is handed over to the tenant, and does not end with who
    made it. A second token of the same `form_key` is refused.
    """

    lasts: timedelta = LASTS
    server: str = ""
    networks: Sequence[str] = ()
    user_id: int | None = None
    form_key: UUID | None = None


_USUAL = TokenTerms()


def issue(
    tenant_id: int,
    *,
    name: str,
    scope: str,
    by: str,
    at: datetime,
    terms: TokenTerms = _USUAL,
) -> tuple[ApiToken, str]:
    """Create a token; its string is returned only now.

    Raises:
        Refused: a token was made of the same form before.
        ValueError: the token would last too long.

    """
    if not timedelta() < terms.lasts <= LASTS_AT_MOST:
        message = f"a token lasts at most {LASTS_AT_MOST.days} days"
        raise ValueError(message)
    unit_of_work.hold_tenant(tenant_id)
    is_repeated = ApiToken.objects.filter(form_key=terms.form_key)
    if terms.form_key is not None and is_repeated.exists():
        raise Refused("token-made-already")
    token, secret = _create(
        ApiToken(
            tenant_id=tenant_id,
            name=one_line(name),
            scope=scope,
            server=terms.server,
            networks=list(terms.networks),
            made_by=by,
            made_by_user_id=terms.user_id,
            form_key=terms.form_key,
            created_at=at,
            expires_at=at + terms.lasts,
        )
    )
    limits = {"server": terms.server, "networks": ", ".join(terms.networks)}
    _record("token-issued", token, by, at, scope=scope, **limits)
    return token, secret


def replace(
    tenant_id: int,
    token_id: int,
    *,
    overlap: timedelta,
    user_id: int | None,
    by: str,
    at: datetime,
) -> tuple[ApiToken, str]:
    """Create the successor of a token, which itself ends after the overlap.

    The successor has the same name and limits, and lasts as long as the token did.

    Raises:
        Refused: there is no such token, or it has ended or was replaced before.

    """
    unit_of_work.hold_tenant(tenant_id)
    old = _find(token_id)
    if old.replaced_by_id is not None or not is_usable(old, at=at):
        raise Refused("token-ended")
    lasted = old.expires_at - old.created_at if old.expires_at else LASTS
    new, secret = _create(
        ApiToken(
            tenant_id=tenant_id,
            name=old.name,
            scope=old.scope,
            server=old.server,
            networks=old.networks,
            made_by=by,
            made_by_user_id=user_id,
            created_at=at,
            expires_at=at + min(lasted, LASTS_AT_MOST),
        )
    )
    old.replaced_by = new
    old.expires_at = min(old.expires_at or at + overlap, at + overlap)
    old.save(update_fields=["replaced_by", "expires_at"])
    ends = old.expires_at.isoformat()
    _record("token-replaced", old, by, at, successor=new.pk, ends=ends)
    return new, secret


def revoke(
    tenant_id: int, token_id: int, *, by: str, at: datetime
) -> tuple[ApiToken, bool]:
    """End a token at once; False if it was revoked before, which changes nothing.

    Raises:
        Refused: the tenant has no such token.

    """
    unit_of_work.hold_tenant(tenant_id)
    token = _find(token_id)
    if token.revoked_at is not None:
        return token, False
    _revoke(token, by=by, at=at)
    return token, True


def end_tokens_of(
    user_id: int, *, tenant_id: int | None = None, by: str, at: datetime
) -> list[ApiToken]:
    """Revoke every token that a member made: of one tenant, or of all.

    Runs in a unit of work of that tenant, or of the staff for all. The tenants' locks
    are taken in the order of their ids. Returns the tokens that were revoked now.
    Tokens that staff made and handed over have no member, and do not end.
    """
    mine = ApiToken.objects.filter(made_by_user=user_id, revoked_at=None)
    if tenant_id is not None:
        mine = mine.filter(tenant=tenant_id)
    tenants = mine.order_by("tenant_id").values_list("tenant_id", flat=True)
    for one in sorted(set(tenants)):
        unit_of_work.hold_tenant(one)
    # Read again: another transaction may have revoked some before the lock was free.
    ended = list(mine.order_by("tenant_id", "pk"))
    for token in ended:
        _revoke(token, by=by, at=at)
    return ended


def is_usable(token: ApiToken, *, at: datetime) -> bool:
    """Return whether a token is neither revoked nor expired."""
    return token.revoked_at is None and (
        token.expires_at is None or token.expires_at > at
    )


def require_not_revoked(token_id: int) -> None:
    """Require a token that let a request in to be unrevoked still.

    In a unit of work that holds the tenant this is exact: revoking takes its lock too.

    Raises:
        Refused: it was revoked meanwhile.

    """
    if not ApiToken.objects.filter(pk=token_id, revoked_at=None).exists():
        raise Refused("token-revoked")


def digest_of(secret: str) -> bytes:
    return hashlib.sha256(secret.encode()).digest()


def _create(token: ApiToken) -> tuple[ApiToken, str]:
    secret = PREFIX + secrets.token_urlsafe(_RANDOM_BYTES)
    token.digest = digest_of(secret)
    token.save(force_insert=True)
    return token, secret


def _find(token_id: int) -> ApiToken:
    token = ApiToken.objects.filter(pk=token_id).first()
    if token is None:
        raise Refused("not-found")
    return token


def _revoke(token: ApiToken, *, by: str, at: datetime) -> None:
    token.revoked_at = at
    token.save(update_fields=["revoked_at"])
    _record("token-revoked", token, by, at)


def _record(
    act: str, token: ApiToken, by: str, at: datetime, **details: str | int
) -> None:
    # The name is the subject; several tokens can have the same.
    audit_log.append(
        tenant_id=token.tenant_id,
        actor=by,
        act=act,
        subject=token.name,
        details={"token": token.pk, **details},
        at=at,
    )


def digest_start(secret: str) -> str:
    """Return the first characters of a token's hash, to distinguish unknown ones."""
    return digest_of(secret).hex()[:8]
