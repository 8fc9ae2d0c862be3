"""Carries the fields of a form that needs a fresh sign-in through the confirmation.

The server stores nothing: the confirmation page contains the fields, and afterwards a
page shows the form for the person to send. Only forms of endpoints that need a fresh
sign-in are carried, with at most 64 KiB, without passwords, codes, tokens and files.
"""

import json
import re
from collections.abc import Iterable
from dataclasses import dataclass
from urllib.parse import urlsplit

from portal.http.endpoint_types import PLAIN_FORM

_CSRF = "csrfmiddlewaretoken"
# `key_text`: people paste private keys by mistake, and no page may show one.
_SECRET = re.compile(r"password|token|secret|credential|^code$|^key_text$", re.I)

_HALVES = re.compile("[\ud800-\udfff]")

# Sent along by pages, and of no interest to the person.
_TECHNICAL = frozenset({"for-customer", "next"})

Fields = tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True)
class CarriedForm:
    """A form to send again: its address, its fields, and the page that it is on.

    `is_whole` is False if something was left out that has to be typed or chosen again.
    """

    action: str
    page: str
    fields: Fields
    is_whole: bool

    def as_text(self) -> str:
        """Return all of it as the value of one hidden field."""
        fields = [list(field) for field in self.fields]
        return json.dumps([self.action, self.page, fields, self.is_whole])

    @property
    def shown(self) -> list[tuple[str, str]]:
        """The fields that a person has filled in or chosen, with readable names."""
        return [
            (_label(name), value)
            for name, value in self.fields
            if value and name not in _TECHNICAL
        ]


def carry(
    action: str, *, page: str, fields: Iterable[tuple[str, str]], has_files: bool
) -> CarriedForm:
    """Return a form to carry, without what must not be."""
    given = [(name, value) for name, value in fields if name != _CSRF]
    kept = tuple(field for field in given if not _SECRET.search(field[0]))
    is_whole = len(kept) == len(given) and not has_files
    return CarriedForm(action, page, kept, is_whole)


def from_text(text: str) -> CarriedForm | None:
    """Return what `as_text` has written; None for anything else.

    The caller checks that action and page are addresses of the portal.
    """
    if not text or len(text) > 8 * PLAIN_FORM:
        return None
    try:
        action, page, fields, is_whole = json.loads(text)
        pairs = tuple((name, value) for name, value in fields)
    except (ValueError, TypeError, RecursionError):
        return None
    texts = [action, page, *(part for pair in pairs for part in pair)]
    if not all(map(_is_text, texts)) or not isinstance(is_whole, bool):
        return None
    return carry(action, page=page, fields=pairs, has_files=not is_whole)


def path_of(action: str) -> str:
    """Return the path of an address without its query."""
    return urlsplit(action).path


def _is_text(value: object) -> bool:
    """Return whether it is text that a page can hold: JSON can name half characters."""
    return isinstance(value, str) and not _HALVES.search(value)


def _label(name: str) -> str:
    text = re.sub(r"[-_]+", " ", name).strip()
    return text[:1].upper() + text[1:]
