"""Seals and signs: the one module of the format that uses `cryptography`.

Keys are raw bytes (32 each) everywhere else, so that no other module depends on a
library's classes.
"""

from dataclasses import dataclass
from functools import lru_cache

from cryptography.exceptions import InvalidSignature, InvalidTag
from cryptography.hazmat.primitives import hpke
from cryptography.hazmat.primitives.asymmetric import ed25519, x25519

KEY_BYTES = 32
SIGNATURE_DOMAIN = b"usg/1\x00"
# The prime of both curves.
_FIELD = 2**255 - 19

_SUITE = hpke.Suite(hpke.KEM.X25519, hpke.KDF.HKDF_SHA256, hpke.AEAD.AES_256_GCM)


@dataclass(frozen=True, slots=True)
class KeyPair:
    """Two raw keys of 32 bytes; the private one stays out of logs."""

    public: bytes
    private: bytes

    def __repr__(self) -> str:
        return f"KeyPair(public={self.public.hex()})"


class SealBrokenError(Exception):
    """Wrong key, changed or cut: by design nobody can tell which."""


class WeakKeyError(ValueError):
    """A key of small order, a key that is none, or one of the wrong length."""


def new_sealing_pair() -> KeyPair:
    return sealing_pair(x25519.X25519PrivateKey.generate().private_bytes_raw())


def new_signing_pair() -> KeyPair:
    return signing_pair(ed25519.Ed25519PrivateKey.generate().private_bytes_raw())


def sealing_pair(private: bytes) -> KeyPair:
    key = x25519.X25519PrivateKey.from_private_bytes(private)
    return KeyPair(key.public_key().public_bytes_raw(), private)


def signing_pair(private: bytes) -> KeyPair:
    key = ed25519.Ed25519PrivateKey.from_private_bytes(private)
    return KeyPair(key.public_key().public_bytes_raw(), private)


def seal(plain: bytes, public: bytes, *, info: bytes) -> bytes:
    """HPKE base mode: encapsulated key (32 bytes), ciphertext, tag (16 bytes)."""
    key = x25519.X25519PublicKey.from_public_bytes(public)
    try:
        return _SUITE.encrypt(plain, key, info=info)
    except ValueError as error:
        message = "this sealing key is of small order"
        raise WeakKeyError(message) from error


def open_sealed(
    sealed: memoryview | bytes, private: bytes, *, info: memoryview | bytes
) -> bytes:
    """Undo `seal`, copying nothing on the way in; any failure is SealBrokenError."""
    key = x25519.X25519PrivateKey.from_private_bytes(private)
    try:
        return _SUITE.decrypt(sealed, key, info=info)
    except (InvalidTag, ValueError) as error:
        raise SealBrokenError from error


def sign(digest: bytes, private: bytes) -> bytes:
    """64 bytes of Ed25519 over the domain and the SHA-256 of all that comes before."""
    key = ed25519.Ed25519PrivateKey.from_private_bytes(private)
    return key.sign(SIGNATURE_DOMAIN + digest)


def is_signed(digest: bytes, signature: bytes, public: bytes) -> bool:
    try:
        _signing_public(public).verify(signature, SIGNATURE_DOMAIN + digest)
    except (InvalidSignature, ValueError):
        return False
    return True


@lru_cache(maxsize=1024)
def _signing_public(public: bytes) -> ed25519.Ed25519PublicKey:
    return ed25519.Ed25519PublicKey.from_public_bytes(public)


# The points whose order divides 8 have five values of y: 0, 1, -1, this one and its
# negative. Each is listed with both signs of x and, where it fits into 255 bits,
# unreduced as well. With such a key one signature fits many texts.
_ORDER_8 = 2707385501144840649318225287225658788936804267575313519463743609750303402022


def _small_order_keys() -> frozenset[bytes]:
    ys = {0, 1, _FIELD - 1, _ORDER_8, _FIELD - _ORDER_8}
    written = ys | {y + _FIELD for y in ys if y + _FIELD < 2**255}
    return frozenset(
        (y | sign << 255).to_bytes(KEY_BYTES, "little")
        for y in written
        for sign in (0, 1)
    )


_SMALL_ORDER = _small_order_keys()


def is_weak_signer(public: bytes) -> bool:
    """Recognise small-order keys, which would accept signatures nobody made."""
    return len(public) != KEY_BYTES or public in _SMALL_ORDER
