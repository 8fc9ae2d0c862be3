"""Writes and reads key files: a few lines of text that say what they are.

    usg-key 1
    kind: sealing-private
    public: 64 hexadecimal digits
    private: 64 hexadecimal digits (private kinds only)

A private file is made for its owner alone (0600) and never overwrites another.
"""

import os
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

from usage.usg import envelope
from usage.usg.envelope import KeyPair

FIRST_LINE = "usg-key 1"
# Four short lines; anything longer is another file picked by mistake.
LARGEST_FILE = 1024
PUBLIC_SUFFIX = ".pub"
_PAIRS = {"sealing": envelope.sealing_pair, "signing": envelope.signing_pair}


class Purpose(StrEnum):
    SEALING = "sealing"
    SIGNING = "signing"


class KeyFileError(ValueError):
    """Not a key file, or not of the kind that is needed; the message says which."""


class PrivateKeyError(KeyFileError):
    """A private key where the public one was asked for."""


@dataclass(frozen=True, slots=True)
class KeyFile:
    purpose: Purpose
    public: bytes
    private: bytes | None

    def __repr__(self) -> str:
        return f"KeyFile({self.purpose}, public={self.public.hex()})"


def write_pair(path: Path, purpose: Purpose, pair: KeyPair) -> tuple[Path, Path]:
    """Write the private file at `path` and the public one beside it, with `.pub`.

    Raises FileExistsError rather than replace a key somebody may still need.
    """
    public_path = path.with_name(path.name + PUBLIC_SUFFIX)
    public = public_text(purpose, pair.public)
    private = public.replace("-public\n", "-private\n", 1)
    _create(path, f"{private}private: {pair.private.hex()}\n", 0o600)
    _create(public_path, public, 0o644)
    return path, public_path


def public_text(purpose: Purpose, public: bytes) -> str:
    """Return the content of a public key file: what may be handed to anybody."""
    return f"{FIRST_LINE}\nkind: {purpose}-public\npublic: {public.hex()}\n"


def _create(path: Path, text: str, mode: int) -> None:
    handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode)
    with os.fdopen(handle, "w", encoding="ascii", newline="\n") as file:
        file.write(text)


def read_key(path: Path, purpose: Purpose) -> KeyFile:
    """Read a private or public key file of one purpose; raise KeyFileError, OSError."""
    with path.open("rb") as file:
        data = file.read(LARGEST_FILE + 1)
    try:
        return _parsed(data, purpose)
    except ValueError as error:
        message = f"{path} is not a {purpose} key file: {error}"
        raise KeyFileError(message) from None


def public_key(data: bytes, purpose: Purpose) -> bytes:
    """Return the key that a public key file's content holds.

    Raises KeyFileError for anything else, a private key file above all: that was for
    nobody's eyes.
    """
    try:
        found = _parsed(data, purpose)
    except ValueError as error:
        message = f"not a {purpose} key file: {error}"
        raise KeyFileError(message) from None
    if found.private is not None:
        message = "a private key file"
        raise PrivateKeyError(message)
    return found.public


def read_private(path: Path, purpose: Purpose) -> KeyPair:
    found = read_key(path, purpose)
    if found.private is None:
        message = f"{path} holds only the public key"
        raise KeyFileError(message)
    return KeyPair(found.public, found.private)


def _parsed(data: bytes, purpose: Purpose) -> KeyFile:
    text = data.decode("ascii") if len(data) <= LARGEST_FILE else ""
    lines = [line.rstrip("\r") for line in text.split("\n")]
    fields = dict(line.split(": ", 1) for line in lines[1:] if line)
    kind = fields.pop("kind", "")
    private_text = fields.pop("private", None)
    public = bytes.fromhex(fields.pop("public", ""))
    wanted = f"{purpose}-{'public' if private_text is None else 'private'}"
    if lines[0] != FIRST_LINE or fields or kind != wanted:
        message = "other lines than expected"
        raise ValueError(message)
    private = None if private_text is None else bytes.fromhex(private_text)
    if len(public) != envelope.KEY_BYTES:
        message = "the public key is cut"
        raise ValueError(message)
    if private is not None and _PAIRS[purpose](private).public != public:
        message = "the two keys do not belong together"
        raise ValueError(message)
    return KeyFile(purpose, public, private)
