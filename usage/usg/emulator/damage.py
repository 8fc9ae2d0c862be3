"""Damages files in each way that a transfer or a faulty server does."""

import io
import zipfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import timedelta
from types import MappingProxyType

from usage.usg import envelope, layout
from usage.usg.columns import Sessions
from usage.usg.header import Header
from usage.usg.writer import write


@dataclass(frozen=True, slots=True)
class Original:
    """A sound file, and all that it takes to make a wrong one in its place."""

    data: bytes
    header: Header
    sessions: Sessions
    sealing_public: bytes
    signing_private: bytes

    def rewritten(self, header: Header) -> bytes:
        return write(
            header,
            self.sessions,
            sealing_public=self.sealing_public,
            signing_private=self.signing_private,
        )


def _empty(_: Original) -> bytes:
    return b""


def _cut(original: Original) -> bytes:
    return original.data[: len(original.data) * 2 // 3]


def _appended(original: Original) -> bytes:
    return original.data + b"\r\n"


def _flipped(original: Original) -> bytes:
    """Change one bit in the middle of the sealed body."""
    data = bytearray(original.data)
    data[-layout.SIGNATURE_BYTES - layout.SEAL_OVERHEAD] ^= 0x10
    return bytes(data)


def _text_mode(original: Original) -> bytes:
    return original.data.replace(b"\r\n", b"\n")


def _seven_bit(original: Original) -> bytes:
    return bytes(byte & 0x7F for byte in original.data)


def _zipped(original: Original) -> bytes:
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        archive.writestr(zipfile.ZipInfo("usage.usg"), original.data)
    return packed.getvalue()


def _plain_text(original: Original) -> bytes:
    return f"Usage of {original.header.server}\r\n".encode()


def _other_tenant(original: Original) -> bytes:
    tenant = original.header.tenant + "-X"
    return original.rewritten(replace(original.header, tenant=tenant))


def _other_key(original: Original) -> bytes:
    public = envelope.new_sealing_pair().public
    return replace(original, sealing_public=public).rewritten(original.header)


def _other_signer(original: Original) -> bytes:
    private = envelope.new_signing_pair().private
    return replace(original, signing_private=private).rewritten(original.header)


def _future(original: Original) -> bytes:
    """Set the clock of the server ahead by 400 days."""
    ahead = timedelta(days=400)
    header = original.header
    return original.rewritten(
        replace(
            header,
            day=header.day + ahead,
            opened_at=header.opened_at + ahead,
            closed_at=header.closed_at + ahead,
        )
    )


def _conflict(original: Original) -> bytes:
    """Write the number again with other contents, as a restored snapshot does."""
    return replace(original, sessions=Sessions()).rewritten(original.header)


def _missing(_: Original) -> None:
    return None


# None: the file is not there at all. A conflict is written beside its original.
DAMAGES: Mapping[str, Callable[[Original], bytes | None]] = MappingProxyType(
    {
        "missing": _missing,
        "empty": _empty,
        "cut": _cut,
        "appended": _appended,
        "flipped": _flipped,
        "text-mode": _text_mode,
        "seven-bit": _seven_bit,
        "zip": _zipped,
        "plain-text": _plain_text,
        "other-tenant": _other_tenant,
        "other-key": _other_key,
        "other-signer": _other_signer,
        "future": _future,
        "conflict": _conflict,
    }
)
BESIDE = frozenset({"conflict"})
