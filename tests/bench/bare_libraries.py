"""Opens usage files with the bare libraries and no checks: the baseline of opening."""

import hashlib

import msgspec
import numpy as np
import zstandard
from cryptography.hazmat.primitives import hpke
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey

_SUITE = hpke.Suite(hpke.KEM.X25519, hpke.KDF.HKDF_SHA256, hpke.AEAD.AES_256_GCM)


class _Body(msgspec.Struct):
    user: memoryview
    licences: memoryview
    login: memoryview
    logout: memoryview
    flags: memoryview
    licence_sets: list[list[str]]
    users: list[str]


_BODY = msgspec.msgpack.Decoder(_Body)


class BareLibraries:
    """Opens and totals the files of one server, given raw keys."""

    def __init__(self, *, sealing_private: bytes, signing_public: bytes) -> None:
        self._private = X25519PrivateKey.from_private_bytes(sealing_private)
        self._public = Ed25519PublicKey.from_public_bytes(signing_public)

    def open(self, data: bytes) -> bytes:
        """SHA-256 of the file, signature and HPKE."""
        view = memoryview(data)
        state = hashlib.sha256(view[:-64])
        self._public.verify(data[-64:], b"usg/1\x00" + state.digest())
        state.update(view[-64:])
        state.digest()
        end = 22 + int.from_bytes(view[10:14], "big")
        return _SUITE.decrypt(view[end:-64], self._private, info=view[:end])

    def pipeline(self, data: bytes) -> int:
        """Opening, Zstandard, decoding and the sum of all used seconds."""
        plain = zstandard.ZstdDecompressor().decompress(self.open(data))
        found = _BODY.decode(plain)
        login = np.frombuffer(found.login, "<u4")
        logout = np.frombuffer(found.logout, "<u4")
        return int(logout.sum(dtype="i8") - login.sum(dtype="i8"))
