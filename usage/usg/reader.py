"""Reads a file's bytes: returns the opened day, or every problem that was found."""

import hashlib
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from mmap import mmap

from usage.usg import body, columns, envelope, frame, layout, plausible
from usage.usg import header as headers
from usage.usg.columns import OpenedDay
from usage.usg.header import Header
from usage.usg.layout import Layout
from usage.usg.limits import DEFAULT_LIMITS, Limits
from usage.usg.problems import Code, Params, Problem, Severity, shown, worst

# Anything whose bytes can be looked at in place.
Buffer = bytes | bytearray | memoryview | mmap


@dataclass(frozen=True, slots=True)
class Expected:
    """What the reader checks against: the tenant, the time of receipt, the keys.

    `opening_key` maps the fingerprint of a sealing key to the raw private X25519 key of
    this tenant, or None. `is_trusted` says whether a signing key (raw, public) is
    registered for a server (by name). `received_at` carries its zone.
    """

    tenant: str
    received_at: datetime
    opening_key: Callable[[str], bytes | None]
    is_trusted: Callable[[str, bytes], bool]
    limits: Limits = DEFAULT_LIMITS


@dataclass(frozen=True, slots=True, eq=False)
class Reading:
    """`sha256` and `size` are of the whole file, whatever else was found.

    `header` is there as soon as it could be read, even if it then proved forged: only
    an outcome other than REJECT makes it true. `day` is there if all of it was valid.
    """

    sha256: bytes
    size: int
    header: Header | None
    day: OpenedDay | None
    problems: tuple[Problem, ...]

    @property
    def outcome(self) -> Severity:
        return worst(self.problems)


@dataclass(frozen=True, slots=True)
class _FileParts:
    """A file whose lengths are right, as views: nothing is copied but the header."""

    before_body: memoryview
    body: memoryview
    signature: memoryview
    digest: bytes


def read(data: Buffer, expected: Expected) -> Reading:
    """Check a file, cheapest and safest first; hostile bytes raise nothing.

    Data that is not contiguous bytes is the caller's mistake and raises TypeError.
    """
    with memoryview(data).cast("B") as view:
        signed = max(0, len(view) - layout.SIGNATURE_BYTES)
        state = hashlib.sha256(view[:signed])
        whole = state.copy()
        whole.update(view[signed:])
        found, problems = layout.locate(view, expected.limits)
        header, day = None, None
        if found is not None:
            header, more = headers.parse(
                bytes(view[layout.PRELUDE.size : found.header_end])
            )
            problems += more
            if header is not None and found.whole:
                parts = _parts(view, found, state.digest())
                day, more = _judge(parts, header, expected)
                problems += more
        return Reading(whole.digest(), len(view), header, day, tuple(problems))


def peek(data: Buffer) -> Header | None:
    """Read a file's header unverified: for showing a name, never for a decision."""
    with memoryview(data).cast("B") as view:
        found, _ = layout.locate(view, DEFAULT_LIMITS)
        if found is None:
            return None
        return headers.parse(bytes(view[layout.PRELUDE.size : found.header_end]))[0]


def _parts(view: memoryview, found: Layout, digest: bytes) -> _FileParts:
    return _FileParts(
        before_body=view[: found.header_end],
        body=view[found.header_end : found.body_end],
        signature=view[found.body_end :],
        digest=digest,
    )


def _judge(
    parts: _FileParts, header: Header, expected: Expected
) -> tuple[OpenedDay | None, list[Problem]]:
    """Take steps 3 to 8. The order is the safety: nothing unsigned is decrypted."""
    # 3. Ours? With another tenant's file nothing more is asked or told.
    if header.tenant != expected.tenant:
        return None, [Problem(Code.TENANT_OTHER, "header.tenant")]
    private = expected.opening_key(header.key)
    problems: list[Problem] = []
    if private is None:
        params = {"key": shown(header.key)}
        problems.append(Problem(Code.KEY_UNKNOWN, "header.key", params))
    # 4. Genuine? A false signature ends the reading.
    forged = _forgery(parts, header)
    if forged is not None:
        return None, [*problems, forged]
    if not expected.is_trusted(header.server, header.signer):
        params = {"server": shown(header.server)}
        problems.append(Problem(Code.SIGNER_UNKNOWN, "header.signer", params))
    # 5 to 7. The contents; from here on a wrong file is wrong whoever trusts it.
    day = None
    if private is not None:
        day, more = _open(parts, header, private, expected.limits)
        problems += more
    # 8. Its time.
    problems += plausible.check(header, expected.received_at)
    return day, problems


def _forgery(parts: _FileParts, header: Header) -> Problem | None:
    if envelope.is_weak_signer(header.signer):
        return Problem(Code.SIGNER_WEAK, "header.signer")
    if not envelope.is_signed(parts.digest, bytes(parts.signature), header.signer):
        return Problem(Code.SIGNATURE_INVALID, "signature")
    return None


def _open(
    parts: _FileParts, header: Header, private: bytes, limits: Limits
) -> tuple[OpenedDay | None, list[Problem]]:
    if header.sessions > limits.sessions:
        params: Params = {
            "part": "sessions",
            "count": header.sessions,
            "limit": limits.sessions,
        }
        return None, [Problem(Code.COUNT_TOO_LARGE, "header.sessions", params)]
    try:
        packed = envelope.open_sealed(parts.body, private, info=parts.before_body)
    except envelope.SealBrokenError:
        return None, [Problem(Code.SEAL_BROKEN, "body")]
    most = columns.largest_body(header.sessions, limits)
    plain = frame.decompress(packed, most=most, window=limits.window_bytes)
    del packed
    if isinstance(plain, Problem):
        return None, [plain]
    unpacked = body.unpack(plain, limits)
    if isinstance(unpacked, Problem):
        return None, [unpacked]
    return columns.check(
        unpacked,
        opened_at=header.opened_at,
        span=header.span,
        sessions=header.sessions,
        limits=limits,
    )
