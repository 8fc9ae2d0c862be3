"""Lists which servers signed the files of a directory, and with which keys.

On the server that writes the files, this lists the fingerprints to compare with those
on the portal's page *Servers* before a key is confirmed. No key is needed, because the
header of a file is not encrypted. The portal verifies the signatures.
"""

from collections import Counter
from dataclasses import dataclass
from pathlib import Path

from usage.usg import flat_json, layout
from usage.usg.characters import cleaned
from usage.usg.client.closed_files import shown_name
from usage.usg.fingerprints import fingerprint
from usage.usg.flat_json import BrokenHeaderError
from usage.usg.limits import DEFAULT_LIMITS

_ENDING = ".usg"
_KEY_BYTES = 32


@dataclass(frozen=True, slots=True)
class Signers:
    """Number of files by server and fingerprint; `unreadable` lists other files."""

    files: Counter[tuple[str, str]]
    unreadable: list[str]


def find_signers(directory: Path) -> Signers:
    """Read the header of each usage file in a directory, without its subfolders.

    Raises:
        OSError: the directory cannot be read.

    """
    found = Signers(Counter(), [])
    for path in sorted(directory.iterdir()):
        if path.suffix.lower() != _ENDING or path.name.startswith("."):
            continue
        try:
            found.files[_signer_of(path)] += 1
        except (OSError, ValueError) as error:
            found.unreadable.append(f"cannot be read: {shown_name(path)} ({error})")
    return found


def _signer_of(path: Path) -> tuple[str, str]:
    """Return the server and the fingerprint of the key that a file names."""
    with path.open("rb") as file:
        start = file.read(layout.PRELUDE.size + DEFAULT_LIMITS.header_bytes)
    if not start.startswith(layout.MAGIC) or len(start) < layout.PRELUDE.size:
        message = "not a usage file of the portal's format"
        raise ValueError(message)
    length = layout.PRELUDE.unpack_from(start)[3]
    text = start[layout.PRELUDE.size : layout.PRELUDE.size + length]
    try:
        header = flat_json.parse(text)
    except BrokenHeaderError as error:
        raise ValueError(error.problem.title) from None
    server, signer = str(header.get("server", "")), str(header.get("signer", ""))
    public = bytes.fromhex(signer)
    if not server or len(public) != _KEY_BYTES:
        message = "the header names no server or no key"
        raise ValueError(message)
    return cleaned(server), fingerprint(public)
