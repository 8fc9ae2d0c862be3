"""Computes the fingerprint of a public key, with the standard library alone."""

import hashlib

FINGERPRINT_DOMAIN = b"usg/1 key\x00"
# 128 bits: nobody can make a second key that fits, and a person can compare it.
FINGERPRINT_BYTES = 16


def fingerprint(public: bytes) -> str:
    """Return the first 32 hex digits of SHA-256 over "usg/1 key", 0x00 and the key."""
    return (
        hashlib.sha256(FINGERPRINT_DOMAIN + public).digest()[:FINGERPRINT_BYTES].hex()
    )
