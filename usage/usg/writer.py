"""Writes a file: runs the checks of the reader first, then seals and signs."""

import hashlib
from dataclasses import replace

from usage.usg import body, columns, envelope, fingerprints, frame, layout
from usage.usg import header as headers
from usage.usg.columns import Sessions
from usage.usg.header import Header
from usage.usg.limits import DEFAULT_LIMITS


def write(
    header: Header, sessions: Sessions, *, sealing_public: bytes, signing_private: bytes
) -> bytes:
    """Make a file. `sessions`, `key` and `signer` of the header are filled in here.

    Keys are raw, 32 bytes. The plaintext is the same for the same rows; the sealed
    bytes never are, because HPKE draws a new key each time. Raises ValueError (or
    OverflowError, for a number too large for its column) for what no reader would take.
    """
    header = replace(
        header,
        sessions=len(sessions.user),
        key=fingerprints.fingerprint(sealing_public),
        signer=envelope.signing_pair(signing_private).public,
    )
    plain = plaintext(header, sessions)
    return assemble(
        headers.serialise(header),
        frame.compress(plain),
        sealing_public=sealing_public,
        signing_private=signing_private,
    )


def plaintext(header: Header, sessions: Sessions) -> bytes:
    """Pack the rows once the reader's own checks pass; else raise ValueError."""
    made = columns.to_body(sessions)
    _, problems = columns.check(
        made,
        opened_at=header.opened_at,
        span=header.span,
        sessions=len(sessions.user),
        limits=DEFAULT_LIMITS,
    )
    if problems:
        message = f"not valid sessions: {problems[0].title}"
        raise ValueError(message)
    return body.pack(made)


def assemble(
    header: bytes, packed: bytes, *, sealing_public: bytes, signing_private: bytes
) -> bytes:
    """Put any header and any contents into a sealed, signed file, unchecked.

    For `write`, and for those who need files that are wrong inside.
    """
    before = layout.prelude(len(header), len(packed) + layout.SEAL_OVERHEAD) + header
    sealed = envelope.seal(packed, sealing_public, info=before)
    return resign(before + sealed, signing_private=signing_private)


def resign(unsigned: bytes, *, signing_private: bytes) -> bytes:
    digest = hashlib.sha256(unsigned).digest()
    return unsigned + envelope.sign(digest, signing_private)
