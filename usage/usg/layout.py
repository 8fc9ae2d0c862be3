"""Reads the fixed bytes (magic, version, suite, two lengths); names alien files."""

import struct
from dataclasses import dataclass

from usage.usg.limits import Limits
from usage.usg.problems import Code, Problem

# PNG's trick: a high bit, both line ends and a DOS end-of-file, so that the usual
# accidents each leave their own mark.
MAGIC = b"\x89USG\r\n\x1a\n"
VERSION = 1
SUITE = 1
PRELUDE = struct.Struct(">8sBBIQ")
SIGNATURE_BYTES = 64
# HPKE with X25519 and AES-256-GCM: 32 bytes of encapsulated key, 16 of tag.
SEAL_OVERHEAD = 48
SMALLEST_FILE = PRELUDE.size + SEAL_OVERHEAD + SIGNATURE_BYTES
# Enough to tell text from bytes without reading a large wrong file to its end.
SNIFF_BYTES = 512
TEXT_BYTES = frozenset(
    b"\t\n\f\r" + bytes(range(0x20, 0x7F)) + bytes(range(0x80, 0x100))
)


@dataclass(frozen=True, slots=True)
class Layout:
    """Where the parts lie, as offsets into the file; `whole` if nothing is missing."""

    header_end: int
    body_end: int
    whole: bool


def prelude(header_length: int, sealed_length: int) -> bytes:
    total = PRELUDE.size + header_length + sealed_length + SIGNATURE_BYTES
    return PRELUDE.pack(MAGIC, VERSION, SUITE, header_length, total)


def locate(data: memoryview, limits: Limits) -> tuple[Layout | None, list[Problem]]:
    """Step 1: size, magic, version, suite and lengths.

    A layout comes back, with problems, also where a cut or lengthened file still has
    its whole header: the header then tells the person which file it was.
    """
    alien = _alien(data, limits)
    if alien is not None:
        return None, [alien]
    if len(data) < PRELUDE.size:
        params = {"size": len(data), "declared": SMALLEST_FILE}
        return None, [Problem(Code.LENGTH_SHORT, "file", params)]
    _, version, suite, header_length, declared = PRELUDE.unpack_from(data)
    if version != VERSION:
        return None, [Problem(Code.VERSION_UNKNOWN, "version", {"version": version})]
    problems = list(_wrong_lengths(len(data), header_length, declared, limits))
    if suite != SUITE:
        problems.append(Problem(Code.SUITE_UNKNOWN, "suite", {"suite": suite}))
    header_end = PRELUDE.size + header_length
    if header_length > limits.header_bytes or header_end > len(data):
        return None, problems
    return Layout(header_end, len(data) - SIGNATURE_BYTES, not problems), problems


def _wrong_lengths(
    size: int, header_length: int, declared: int, limits: Limits
) -> list[Problem]:
    problems = []
    if header_length > limits.header_bytes:
        params = {"length": header_length, "limit": limits.header_bytes}
        problems.append(Problem(Code.HEADER_TOO_LARGE, "header", params))
    lengths = {"size": size, "declared": declared}
    if declared < SMALLEST_FILE + header_length:
        problems.append(Problem(Code.LENGTH_IMPOSSIBLE, "file", lengths))
    elif size < declared:
        problems.append(Problem(Code.LENGTH_SHORT, "file", lengths))
    elif size > declared:
        problems.append(Problem(Code.LENGTH_LONG, "file", lengths))
    return problems


def _alien(data: memoryview, limits: Limits) -> Problem | None:
    if not data:
        return Problem(Code.FILE_EMPTY, "file")
    if len(data) > limits.file_bytes:
        params = {"size": len(data), "limit": limits.file_bytes}
        return Problem(Code.FILE_TOO_LARGE, "file", params)
    start = bytes(data[:SNIFF_BYTES])
    if MAGIC.startswith(start[: len(MAGIC)]):
        return None
    return Problem(_kind(start), "magic")


def _kind(start: bytes) -> Code:
    if start.startswith((b"\x89USG\n", b"\x89USG\r\r\n", b"\x89USG\r\n\x1a\r\n")):
        return Code.MAGIC_TEXT_MODE
    if start.startswith(b"\x09USG"):
        return Code.MAGIC_SEVEN_BIT
    if start.startswith((b"PK\x03\x04", b"PK\x05\x06", b"PK\x07\x08")):
        return Code.FILE_ZIP
    if TEXT_BYTES.issuperset(start):
        return Code.FILE_PLAIN_TEXT
    return Code.MAGIC_UNKNOWN
