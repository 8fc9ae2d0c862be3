"""Seals the secrets of factors with the master key, for one person and one kind.

A sealed text is the base64 of a 12-byte nonce and AES-256-GCM of the text with its
16-byte tag. Person, kind and master key are authenticated with it, so that a row that
was moved to another person, or to another kind of factor, does not open.
"""

import hashlib
import secrets
from base64 import b64decode, b64encode
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from django.conf import settings

_NONCE_BYTES = 12

# The library's hooks get the text alone: this variable has its person and kind.
_subject: ContextVar[tuple[int, str] | None] = ContextVar("factor", default=None)


class FactorDoesNotOpenError(Exception):
    """A sealed secret does not open: another person, kind or master key."""


@contextmanager
def sealing_for(user_id: int, kind: str) -> Iterator[None]:
    """Seal and open secrets of a person's factor of a kind, until the block ends."""
    token = _subject.set((user_id, kind))
    try:
        yield
    finally:
        _subject.reset(token)


def seal(text: str) -> str:
    """Return a text sealed for the person of the block that this runs in."""
    nonce = secrets.token_bytes(_NONCE_BYTES)
    sealed = AESGCM(settings.MASTER_KEY).encrypt(nonce, text.encode(), _about())
    return b64encode(nonce + sealed).decode()


def open_sealed(text: str) -> str:
    """Return what was sealed.

    Raises:
        FactorDoesNotOpenError: it was not sealed for this person and kind.

    """
    try:
        raw = b64decode(text, validate=True)
        key = AESGCM(settings.MASTER_KEY)
        return key.decrypt(raw[:_NONCE_BYTES], raw[_NONCE_BYTES:], _about()).decode()
    except (InvalidTag, ValueError) as error:
        message = "A secret of a factor does not open for this person and MASTER_KEY."
        raise FactorDoesNotOpenError(message) from error


def _about() -> bytes:
    subject = _subject.get()
    if subject is None:
        message = "Secrets of factors are sealed and opened in `sealing_for`."
        raise RuntimeError(message)
    user_id, kind = subject
    master = hashlib.sha256(b"usage-portal master key " + settings.MASTER_KEY)
    return f"usage-portal factor {user_id} {kind} {master.hexdigest()[:16]}".encode()
