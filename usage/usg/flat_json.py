"""Parses a flat JSON object strictly, and reports the first fault in the text.

The library's decoder reports a fault by where its callbacks are called, and how deep
it goes depends on the Python. This one has no depth: an inner list or object ends it.
"""

import json
import re
from collections.abc import Mapping
from typing import NoReturn

from usage.usg.characters import is_clean
from usage.usg.problems import Code, Problem, shown

Value = str | int | bool | None

# More characters than any number of a header has are not even converted.
NUMBER_CHARACTERS = 20
_SPACE = re.compile(r"[ \t\n\r]*")
_STRING = re.compile(
    r'"(?:[^"\\\x00-\x1f]|\\["\\/bfnrt]|\\u[0-9A-Fa-f]{4})*"',
)
_NUMBER = re.compile(r"-?(?:0|[1-9][0-9]*)(?P<more>(?:\.[0-9]+)?(?:[eE][+-]?[0-9]+)?)")
_WORD = re.compile(r"true|false|null")
_WORDS: Mapping[str, Value] = {"true": True, "false": False, "null": None}
# What some writers put where JSON has no number.
_NO_NUMBER = re.compile(r"NaN|-?Infinity")
_INNER = re.compile(r"[\[{]")


class BrokenHeaderError(Exception):
    """Carries the problem out of the parser."""

    def __init__(self, code: Code, **params: str | int) -> None:
        super().__init__(code)
        self.problem = Problem(code, "header", params)


def parse(data: bytes) -> dict[str, Value]:
    """Return the fields of a flat object; raise BrokenHeaderError for anything else."""
    try:
        text = data.decode("utf-8")
    except UnicodeDecodeError:
        raise BrokenHeaderError(Code.HEADER_NOT_UTF8) from None
    if text.startswith("\N{ZERO WIDTH NO-BREAK SPACE}"):
        raise BrokenHeaderError(Code.HEADER_BYTE_ORDER_MARK)
    return _Parser(text).fields()


class _Parser:
    def __init__(self, text: str) -> None:
        self.text = text
        self.at = 0

    def fields(self) -> dict[str, Value]:
        found: dict[str, Value] = {}
        self.need("{")
        if not self.taken("}"):
            self.field(found)
            while self.taken(","):
                self.field(found)
            self.need("}")
        self.skip()
        if self.at < len(self.text):
            self.broken()
        return found

    def field(self, found: dict[str, Value]) -> None:
        name = self.string()
        if name in found:
            raise BrokenHeaderError(Code.HEADER_DUPLICATE, field=shown(name))
        self.need(":")
        found[name] = self.value()

    def string(self) -> str:
        self.skip()
        token = self.match(_STRING)
        if token is None:
            self.broken()
        written = token[0]
        text: str = json.loads(written) if "\\" in written else written[1:-1]
        if not is_clean(text):
            raise BrokenHeaderError(Code.HEADER_TEXT)
        return text

    def value(self) -> Value:
        self.skip()
        if self.text.startswith('"', self.at):
            return self.string()
        if _INNER.match(self.text, self.at):
            raise BrokenHeaderError(Code.HEADER_NESTED)
        word = self.match(_WORD)
        return self.number() if word is None else _WORDS[word[0]]

    def number(self) -> int:
        alien = self.match(_NO_NUMBER)
        if alien is not None:
            raise BrokenHeaderError(Code.HEADER_NUMBER, value=alien[0])
        token = self.match(_NUMBER)
        if token is None:
            self.broken()
        if token["more"] or len(token[0]) > NUMBER_CHARACTERS:
            raise BrokenHeaderError(Code.HEADER_NUMBER, value=shown(token[0]))
        return int(token[0])

    def match(self, pattern: re.Pattern[str]) -> re.Match[str] | None:
        found = pattern.match(self.text, self.at)
        if found is not None:
            self.at = found.end()
        return found

    def skip(self) -> None:
        self.match(_SPACE)

    def taken(self, mark: str) -> bool:
        self.skip()
        if not self.text.startswith(mark, self.at):
            return False
        self.at += len(mark)
        return True

    def need(self, mark: str) -> None:
        if not self.taken(mark):
            self.broken()

    def broken(self) -> NoReturn:
        raise BrokenHeaderError(Code.HEADER_NOT_JSON)
