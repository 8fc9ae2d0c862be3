"""Reads the issuer of a certificate, also of one that was not verified.

The standard library returns the fields of verified certificates only, but the issuer of
a certificate that failed names an intercepting proxy. Such an issuer is only shown: no
decision depends on it.
"""

from collections.abc import Iterator

from usage.usg.characters import cleaned

# DER of X.509 (RFC 5280): tags of the parts on the way to the issuer.
_SEQUENCE, _SET, _OBJECT_ID, _VERSION = 0x30, 0x31, 0x06, 0xA0
_ORGANISATION, _COMMON_NAME = b"\x55\x04\x0a", b"\x55\x04\x03"
_BMP_STRING, _LATIN_STRINGS = 0x1E, frozenset({0x13, 0x14, 0x16})

# Most bytes of a length that is read: no certificate needs more.
_LENGTH_BYTES = 4

# Characters of a name that are kept.
_SHOWN = 80


def issuer_of(certificate: bytes) -> str:
    """Return the issuer of a DER certificate, organisation first; "" if unreadable."""
    try:
        return _shown(dict(_names(certificate)))
    except (ValueError, IndexError):
        return ""


def _shown(names: dict[bytes, str]) -> str:
    wanted = [names.get(_ORGANISATION, ""), names.get(_COMMON_NAME, "")]
    return ", ".join(dict.fromkeys(cleaned(one)[:_SHOWN] for one in wanted if one))


def _names(certificate: bytes) -> Iterator[tuple[bytes, str]]:
    """Yield the object identifiers and texts of the issuer's names."""
    (_, whole), *_ = _parts(certificate)
    (_, signed), *_ = _parts(whole)
    fields = list(_parts(signed))
    if fields[0][0] == _VERSION:
        del fields[0]
    # Serial number, algorithm of the signature, issuer.
    for set_tag, one in _parts(fields[2][1]):
        if set_tag != _SET:
            raise ValueError
        for tag, pair in _parts(one):
            (kind, identifier), (text_tag, text) = _parts(pair)
            if tag == _SEQUENCE and kind == _OBJECT_ID:
                yield identifier, _text(text_tag, text)


def _text(tag: int, value: bytes) -> str:
    if tag == _BMP_STRING:
        return value.decode("utf-16-be", "replace")
    return value.decode("latin-1" if tag in _LATIN_STRINGS else "utf-8", "replace")


def _parts(data: bytes) -> Iterator[tuple[int, bytes]]:
    """Yield the tag and content of each DER element in `data`."""
    at = 0
    while at < len(data):
        tag, length = data[at], data[at + 1]
        at += 2
        if length & 0x80:
            count = length & 0x7F
            if not 0 < count <= _LENGTH_BYTES or at + count > len(data):
                raise ValueError
            length = int.from_bytes(data[at : at + count], "big")
            at += count
        if at + length > len(data):
            raise ValueError
        yield tag, data[at : at + length]
        at += length
