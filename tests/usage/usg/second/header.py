"""Reads the header, by the tables of the page."""

import re
import unicodedata
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Any, NoReturn

from tests.usage.usg.second.findings import EndedError, cut, finding, has_forbidden

_ESCAPES = dict(zip('"\\/bfnrt', '"\\/\b\f\n\r\t', strict=True))
_PAIR = re.compile("[\ud800-\udbff][\udc00-\udfff]")
_TOKEN = re.compile(r"-?[0-9]+(?:\.[0-9]+)?(?:[eE][+-]?[0-9]+)?")


class HeaderText:
    """A cursor in the text of a header."""

    def __init__(self, text: str) -> None:
        self.rest = text

    def wrong(self) -> NoReturn:
        raise EndedError("header-not-json", "header")

    def next(self) -> str:
        """Give the next mark, white space left out; empty at the end."""
        self.rest = self.rest.lstrip(" \t\n\r")
        return self.rest[:1]

    def take(self, mark: str) -> None:
        if self.next() != mark:
            self.wrong()
        self.rest = self.rest[1:]

    def fields(self) -> dict[str, Any]:
        found: dict[str, Any] = {}
        self.take("{")
        more = self.next() != "}"
        while more:
            name = self.string()
            if name in found:
                raise EndedError("header-duplicate", "header", field=cut(name))
            self.take(":")
            found[name] = self.value()
            more = self.next() == ","
            if more:
                self.take(",")
        self.take("}")
        if self.next():
            self.wrong()
        return found

    def string(self) -> str:
        self.take('"')
        letters = []
        while not self.rest.startswith('"'):
            letters.append(self.letter())
        self.rest = self.rest[1:]
        text = _PAIR.sub(_joined, "".join(letters))
        if has_forbidden(text):
            raise EndedError("header-text", "header")
        return text

    def letter(self) -> str:
        first = self.rest[:1]
        if first < " ":  # also the end of the text
            self.wrong()
        if first != "\\":
            self.rest = self.rest[1:]
            return first
        kind = self.rest[1:2]
        if kind == "u":
            digits = re.match("[0-9A-Fa-f]{4}", self.rest[2:])
            if digits is None:
                self.wrong()
            self.rest = self.rest[6:]
            return chr(int(digits[0], 16))
        if kind not in _ESCAPES:
            self.wrong()
        self.rest = self.rest[2:]
        return _ESCAPES[kind]

    def value(self) -> Any:
        first = self.next()
        if first == '"':
            return self.string()
        if first in ("[", "{"):
            raise EndedError("header-nested", "header")
        for word, value in (("null", None), ("true", True), ("false", False)):
            if self.rest.startswith(word):
                self.rest = self.rest[len(word) :]
                return value
        return self.number()

    def number(self) -> int:
        for word in ("NaN", "Infinity", "-Infinity"):
            if self.rest.startswith(word):
                raise EndedError("header-number", "header", value=word)
        token = _TOKEN.match(self.rest)
        if token is None:
            self.wrong()
        written = token[0]
        # Behind a zero that begins a whole part there is no digit.
        zero = re.match(r"-?0(?=[0-9])", written)
        written = zero[0] if zero else written
        if re.search(r"[.eE]", written) or len(written) > 20:
            raise EndedError("header-number", "header", value=cut(written))
        self.rest = self.rest[len(written) :]
        return int(written)


def _joined(pair: re.Match[str]) -> str:
    high, low = map(ord, pair[0])
    return chr(0x10000 + (high - 0xD800) * 0x400 + low - 0xDC00)


def is_day(value: object) -> bool:
    if not _is_like("[0-9]{4}-[0-9]{2}-[0-9]{2}", value):
        return False
    try:
        return bool(datetime.strptime(str(value), "%Y-%m-%d"))  # noqa: DTZ007 - a day
    except ValueError:
        return False


def is_instant(value: object) -> bool:
    clock = "T([01][0-9]|2[0-3]):[0-5][0-9]:[0-5][0-9]Z"
    return _is_like("[0-9-]{10}" + clock, value) and is_day(str(value)[:10])


def instant(text: str) -> datetime:
    return datetime.strptime(text, "%Y-%m-%dT%H:%M:%SZ").replace(tzinfo=UTC)


def _is_like(pattern: str, value: object) -> bool:
    return isinstance(value, str) and re.fullmatch(pattern, value) is not None


def _like(pattern: str) -> Callable[[object], bool]:
    return lambda value: _is_like(pattern, value)


def _text(most: int) -> Callable[[object], bool]:
    def fits(value: object) -> bool:
        if not isinstance(value, str) or not 1 <= len(value) <= most:
            return False
        composed = unicodedata.normalize("NFC", value) == value
        return composed and " " not in (value[0], value[-1])

    return fits


def _whole(least: int, most: int) -> Callable[[object], bool]:
    return lambda value: type(value) is int and least <= value <= most


_HEX = _like("[0-9a-f]{64}")
FIELDS: Mapping[str, Callable[[object], bool]] = {
    "tenant": _text(64),
    "server": _text(128),
    "series": _like("[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}"),
    "sequence": _whole(1, 2**63 - 1),
    "previous": lambda value: value is None or _HEX(value),
    "day": is_day,
    "zone": _text(64),
    "opened_at": is_instant,
    "closed_at": is_instant,
    "opened_offset": _whole(-1080, 1080),
    "closed_offset": _whole(-1080, 1080),
    "closed_by": _like("midnight|restart|shutdown|clock|crash"),
    "sessions": _whole(0, 2**53),
    "key": _like("[0-9a-f]{32}"),
    "signer": _HEX,
    "writer": _text(128),
}


def parsed(data: bytes) -> tuple[dict[str, Any] | None, list[dict[str, Any]]]:
    """Read the header: its known fields in order, or what is wrong with it."""
    try:
        text = data.decode("utf-8")
    except UnicodeDecodeError:
        return None, [finding("header-not-utf8", "header")]
    if data.startswith(b"\xef\xbb\xbf"):
        return None, [finding("header-byte-order-mark", "header")]
    try:
        found = HeaderText(text).fields()
    except EndedError as ended:
        return None, [ended.finding]
    wrong = []
    for name, fits in FIELDS.items():
        where = f"header.{name}"
        if name not in found:
            wrong.append(finding("header-field-missing", where, field=name))
        elif not fits(found[name]):
            value = _as_json(found[name])
            wrong.append(
                finding("header-field-invalid", where, field=name, value=value)
            )
    return (None if wrong else {name: found[name] for name in FIELDS}), wrong


def _as_json(value: str | int | bool | None) -> str:
    if isinstance(value, str):
        return cut(value)
    words = {None: "null", True: "true", False: "false"}
    return (
        words[value] if value is None or value is True or value is False else str(value)
    )
