"""Fills in the PowerShell script of the sender: address of the portal, and version.

Windows PowerShell 5.1 reads a file without a byte order mark as ANSI, so the script is
pure ASCII, with the line ends of Windows.
"""

from base64 import b64encode
from functools import cache
from pathlib import Path

from usage.usg.client import VERSION
from usage.usg.client.access_check import DOCUMENTED, AccessTarget

SCRIPT_NAME = "usage-sender.ps1"

_SOURCE = Path(__file__).with_name(SCRIPT_NAME)
_ADDRESS, _VERSION = "'@ADDRESS@'", "@VERSION@"


@cache
def sender_script(address: str, target: AccessTarget = DOCUMENTED) -> bytes:
    """Return the bytes of the script for the portal at `address`.

    `target` has the names that its access check tries to reach.
    """
    text = _SOURCE.read_text(encoding="ascii")
    text = text.replace(_VERSION, VERSION).replace(_ADDRESS, quoted(address))
    for placeholder, value in _values_of(target).items():
        text = text.replace(placeholder, value)
    return text.replace("\n", "\r\n").encode("ascii")


def _values_of(target: AccessTarget) -> dict[str, str]:
    names = target.names
    return {
        "'@BUCKET_NAMES@'": ", ".join(quoted(one) for one in names.bucket),
        "'@SERVICE_NAMES@'": ", ".join(quoted(one) for one in names.service),
        "'@ISSUER@'": quoted(names.issuer),
        "'@PORT@'": str(target.port),
    }


def quoted(text: str) -> str:
    """Return an ASCII expression of PowerShell with this value, whatever it contains.

    Only single quotes are special in single quotes. Other text is written in base64:
    PowerShell also treats typographic quotes as quotes.
    """
    if text.isascii() and text.isprintable():
        return "'" + text.replace("'", "''") + "'"
    data = b64encode(text.encode("utf-8", "replace")).decode("ascii")
    return f"([Text.Encoding]::UTF8.GetString([Convert]::FromBase64String('{data}')))"
