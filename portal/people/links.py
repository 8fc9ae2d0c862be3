"""Secrets of links in mails: made when the mail is sent, stored as a digest only.

A copy of the database opens no link: the secret cannot be computed from its digest.
"""

import hashlib
import secrets
from datetime import timedelta

from django.conf import settings
from django.urls import reverse

# How long a link works after its mail was sent: over a weekend.
VALID_FOR = timedelta(days=3)

# 256 random bits cannot be guessed, so a plain SHA-256 is hash enough.
_RANDOM_BYTES = 32


def new_secret() -> tuple[str, bytes]:
    """Return a new secret, and its digest."""
    secret = secrets.token_urlsafe(_RANDOM_BYTES)
    return secret, digest_of(secret)


def digest_of(secret: str) -> bytes:
    return hashlib.sha256(secret.encode(errors="surrogatepass")).digest()


def address_of(url_name: str, secret: str) -> str:
    """Return the address that a mail contains."""
    # Never from the Host header: the client that requests the mail chooses that.
    path = reverse(url_name, kwargs={"secret": secret})
    return f"{settings.PORTAL_ADDRESS}{path}"
