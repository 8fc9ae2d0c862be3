"""Authenticates a request by its API token, or returns why it is refused."""

import logging
from datetime import datetime, timedelta

from django.db.models import Q

from portal.accounts import tokens
from portal.accounts.caller import Caller, token_caller
from portal.accounts.networks import is_within
from portal.accounts.request_limits import LIMITS
from portal.errors import Refused
from portal.models import ADDRESS_CHARACTERS, ApiToken

logger = logging.getLogger(__name__)

# Schemes by which a proxy in front signs people in; it may pass their credentials on.
# Any other scheme is a mistyped token.
_SCHEMES_OF_PROXIES = frozenset({"basic", "digest", "negotiate", "ntlm"})

# How exact "last used" and "last refused" are: writing them with every request would
# cost a commit each.
EXACT_TO = timedelta(minutes=5)

# The columns that the application may read while the tenant is unknown.
_READ = (
    *("tenant_id", "name", "scope", "server", "networks", "expires_at", "revoked_at"),
    *("last_used_at", "refused_at"),
)


def header_for_portal(header: str | None) -> str | None:
    """Return an Authorization header; None if there is none, or it is for a proxy."""
    if header and header.partition(" ")[0].lower() in _SCHEMES_OF_PROXIES:
        return None
    return header


def sign_in(header: str, *, address: str, at: datetime) -> Caller:
    """Return the caller of a bearer token, used from an address at an instant.

    Runs outside of any unit of work. `address` is empty if it is not known.

    Raises:
        Refused: the token is not valid (any more), not from this address, or the limit
            of requests is reached.

    """
    scheme, _, secret = header.partition(" ")
    # Another scheme authenticates nobody, whatever follows it.
    secret = secret.strip(" ") if scheme.lower() == "bearer" else ""
    digest = tokens.digest_of(secret)
    token = ApiToken.objects.only(*_READ).filter(digest=digest).first()
    if token is None or not tokens.is_usable(token, at=at):
        LIMITS.count_unknown(digest, address)
        raise _refusal(token)
    if not is_within(address, token.networks):
        # Not counted for the token: whoever has stolen it would use up the requests of
        # the servers that it is for.
        _note_refusal(token, address=address, at=at)
        LIMITS.count_unknown(digest, address)
        raise Refused("token-network", address=address or "?")
    LIMITS.count_token(digest, address)
    _note_use(token, address=address, at=at)
    return token_caller(token)


def _refusal(token: ApiToken | None) -> Refused:
    """Return why a token is refused: unknown, expired or revoked."""
    if token is None:
        return Refused("token-unknown")
    if token.revoked_at is not None:
        return Refused("token-revoked")
    return Refused("token-expired")


def _note_use(token: ApiToken, *, address: str, at: datetime) -> None:
    if token.last_used_at is None or at - token.last_used_at >= EXACT_TO:
        # Conditional: of many requests at the same time, one writes.
        is_older = Q(last_used_at=None) | Q(last_used_at__lte=at - EXACT_TO)
        ApiToken.objects.filter(is_older, pk=token.pk).update(
            last_used_at=at, last_used_from=address[:ADDRESS_CHARACTERS]
        )


def _note_refusal(token: ApiToken, *, address: str, at: datetime) -> None:
    if token.refused_at is None or at - token.refused_at >= EXACT_TO:
        logger.warning("Token %s refused: not from %s", token.pk, address)
        is_older = Q(refused_at=None) | Q(refused_at__lte=at - EXACT_TO)
        ApiToken.objects.filter(is_older, pk=token.pk).update(
            refused_at=at, refused_from=address[:ADDRESS_CHARACTERS]
        )
