"""HPKE (RFC 9180), Ed25519 and fingerprints, from the primitives of a library."""

import hashlib
import hmac

from cryptography.exceptions import InvalidSignature, InvalidTag
from cryptography.hazmat.primitives.asymmetric.ed25519 import (
    Ed25519PrivateKey,
    Ed25519PublicKey,
)
from cryptography.hazmat.primitives.asymmetric.x25519 import (
    X25519PrivateKey,
    X25519PublicKey,
)
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

_KEM = b"KEM\x00\x20"
_HPKE = b"HPKE\x00\x20\x00\x01\x00\x02"
_PRIME = 2**255 - 19


def _extract(suite: bytes, salt: bytes, label: bytes, key: bytes) -> bytes:
    labelled = b"HPKE-v1" + suite + label + key
    return hmac.digest(salt or bytes(32), labelled, "sha256")


def _expand(suite: bytes, key: bytes, label: bytes, info: bytes, size: int) -> bytes:
    """HKDF-Expand of at most one block, which is all that is needed here."""
    labelled = size.to_bytes(2, "big") + b"HPKE-v1" + suite + label + info
    return hmac.digest(key, labelled + b"\x01", "sha256")[:size]


def _cipher(
    agreed: bytes, enc: bytes, public: bytes, info: bytes
) -> tuple[AESGCM, bytes]:
    kem_key = _extract(_KEM, b"", b"eae_prk", agreed)
    shared = _expand(_KEM, kem_key, b"shared_secret", enc + public, 32)
    context = b"\x00" + _extract(_HPKE, b"", b"psk_id_hash", b"")
    context += _extract(_HPKE, b"", b"info_hash", info)
    secret = _extract(_HPKE, shared, b"secret", b"")
    cipher = AESGCM(_expand(_HPKE, secret, b"key", context, 32))
    return cipher, _expand(_HPKE, secret, b"base_nonce", context, 12)


def sealing_public(private: bytes) -> bytes:
    return X25519PrivateKey.from_private_bytes(private).public_key().public_bytes_raw()


def signing_public(private: bytes) -> bytes:
    return Ed25519PrivateKey.from_private_bytes(private).public_key().public_bytes_raw()


def sealed(plain: bytes, public: bytes, info: bytes, drawn: bytes) -> bytes:
    """Seal for a public key; `drawn` are 32 random bytes, used for this file only."""
    own = X25519PrivateKey.from_private_bytes(drawn)
    enc = own.public_key().public_bytes_raw()
    agreed = own.exchange(X25519PublicKey.from_public_bytes(public))
    cipher, nonce = _cipher(agreed, enc, public, info)
    return enc + cipher.encrypt(nonce, plain, b"")


def opened(body: bytes, private: bytes, info: bytes) -> bytes | None:
    enc = body[:32]
    try:
        own = X25519PrivateKey.from_private_bytes(private)
        agreed = own.exchange(X25519PublicKey.from_public_bytes(enc))
        cipher, nonce = _cipher(agreed, enc, sealing_public(private), info)
        return cipher.decrypt(nonce, body[32:], b"")
    except (ValueError, InvalidTag):
        return None


def fingerprint(public: bytes) -> str:
    return hashlib.sha256(b"usg/1 key\x00" + public).digest()[:16].hex()


def _message(before: bytes) -> bytes:
    return b"\x75\x73\x67\x2f\x31\x00" + hashlib.sha256(before).digest()


def signature(before: bytes, private: bytes) -> bytes:
    return Ed25519PrivateKey.from_private_bytes(private).sign(_message(before))


def is_signed(before: bytes, signed: bytes, public: bytes) -> bool:
    try:
        Ed25519PublicKey.from_public_bytes(public).verify(signed, _message(before))
    except (ValueError, InvalidSignature):
        return False
    return True


def _root(square: int) -> int | None:
    root = pow(square, (_PRIME + 3) // 8, _PRIME)
    if root * root % _PRIME != square % _PRIME:
        root = root * pow(2, (_PRIME - 1) // 4, _PRIME) % _PRIME
    return root if root * root % _PRIME == square % _PRIME else None


def _small_order() -> frozenset[bytes]:
    """All encodings of the points whose order divides eight.

    Those of order 8 have x² = -y², so that the equation of the curve becomes
    d·y⁴ + 2·y² - 1 = 0.
    """
    d = -121665 * pow(121666, -1, _PRIME)
    root = _root(1 + d)
    assert root is not None
    ys = {0, 1, _PRIME - 1}
    for sign in (root, -root):
        y = _root((sign - 1) * pow(d, -1, _PRIME))
        ys.update(() if y is None else (y, _PRIME - y))
    written = [one for y in ys for one in (y, y + _PRIME) if one < 2**255]
    return frozenset(
        (one | x << 255).to_bytes(32, "little") for one in written for x in (0, 1)
    )


SMALL_ORDER = _small_order()
