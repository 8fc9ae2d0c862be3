"""Formats log lines without the secrets that addresses, headers and errors contain.

A log is read by more people than may sign in as somebody else, and is kept elsewhere.
"""

import logging
import re
from copy import copy

from django.http import HttpRequest

CUT = "…"

# First part of each address that anybody may open and that has a parameter: there the
# parameter itself is the secret. A test compares this with the endpoint table.
SECRET_ADDRESSES = (
    "new-password",
    "calendar",
    "invitations",
    "late-contact",
    "new-address",
)

# Wherever they are in a line: also in another address, percent-encoded, or without
# the slash that begins them.
_SECRET_ADDRESS = re.compile(
    rf"((?<![\w-])|(?<=%2F))({'|'.join(SECRET_ADDRESSES)})(/|%2F)[^\s'\"<>]*", re.I
)

_QUERY = re.compile(r"((?:https?://|(?<![\w./:-])/)[^\s'\"<>?]*\?)[^\s'\"<>]+")
_SIGN_IN = re.compile(r"(://)[^\s/@:]*:[^\s/@]*@")
_TOKEN = re.compile(r"\b(usg_)[\w-]+")
_SCHEME = re.compile(r"\b(Bearer|Basic)\s+[\w.~+/=-]{6,}", re.I)
_HEADER = re.compile(r"\b(Authorization|Cookie)(['\"]?\s*[:=]).*", re.I)
_COOKIE = re.compile(
    r"\b(sessionid|csrftoken|csrfmiddlewaretoken|known_browser)=[\w.:-]+"
)

# What follows the first line of an error of PostgreSQL: values of a row, or the
# statement with its literals. It ends with the exception; within a repr, with the line.
_DETAIL = re.compile(
    r"\n(DETAIL|CONTEXT|QUERY|LINE \d+):.*?"
    r"(?=\n\n(?:The above exception|During handling of the above)|\Z)",
    re.S,
)
_DETAIL_IN_REPR = re.compile(r"\\n(DETAIL|CONTEXT|QUERY|LINE \d+):.*")
_VALUE = re.compile(
    rf"((?:invalid input|invalid byte|out of range)[^\n\"]*)\"[^\n]*(?:\"|{CUT}$)", re.M
)

_RULES = (
    (_SECRET_ADDRESS, rf"\2\3{CUT}"),
    (_QUERY, rf"\1{CUT}"),
    (_SIGN_IN, rf"\1{CUT}@"),
    (_HEADER, rf"\1\2 {CUT}"),
    (_SCHEME, rf"\1 {CUT}"),
    (_TOKEN, rf"\1{CUT}"),
    (_COOKIE, rf"\1={CUT}"),
    (_DETAIL, rf"\n\1: {CUT}"),
    (_DETAIL_IN_REPR, rf"\\n\1: {CUT}"),
    (_VALUE, rf'\1"{CUT}"'),
)

# A part of an address that is no address of the portal: words are shown, and what may
# be a key that was pasted to a wrong place is not.
_WORD = re.compile(r"[a-z][a-z._-]{0,19}")

_LONGEST_PATH = 300

# Characters of a line. Anybody can have a line logged as long as the head of a request,
# and the search for secrets takes time that grows with the square of it, in which no
# other thread of the process runs.
_LONGEST_LINE = 2_000


class RedactingFormatter(logging.Formatter):
    """Formats a record as usual, then removes the secrets from it, traces included."""

    def format(self, record: logging.LogRecord) -> str:
        request = getattr(record, "request", None)
        if not isinstance(request, HttpRequest) or len(request.path) <= len("/"):
            return redact(super().format(record))
        shown = copy(record)
        path = _shown_path(request)
        # Django escapes what it logs of a request.
        escaped = request.path.encode("unicode_escape").decode("ascii")
        if isinstance(record.args, tuple):
            shown.args = tuple(
                path if arg in {request.path, escaped} else arg for arg in record.args
            )
        return redact(_without(super().format(shown), request.path, path))


def redact(text: str) -> str:
    """Return text without secrets that can be recognised by their form."""
    text = "\n".join(_shortened(line) for line in text.split("\n"))
    for pattern, replacement in _RULES:
        text = pattern.sub(replacement, text)
    return text


def _shortened(line: str) -> str:
    """Cut a long line before a word: half a secret might not be recognised."""
    if len(line) <= _LONGEST_LINE:
        return line
    return line[: line.rfind(" ", 0, _LONGEST_LINE) + 1] + CUT


def _without(text: str, path: str, shown: str) -> str:
    """Replace the path of a request, where it is not the beginning of another."""
    if path == shown:
        return text
    pattern = rf"(?<![\w./-]){re.escape(path)}(?![\w/.-])"
    return re.sub(pattern, lambda _: shown, text)


def _shown_path(request: HttpRequest) -> str:
    """Return the path of a request without its secret, on one line."""
    secret = _SECRET_ADDRESS.match(request.path, 1)
    if secret:
        return f"/{secret[2]}/{CUT}"
    path = request.path
    if request.resolver_match is None:
        words = (_WORD.fullmatch(part) for part in path[1:].split("/"))
        path = "".join(f"/{word[0] if word else CUT}" for word in words)
    return "".join(letter if letter.isprintable() else CUT for letter in path)[
        :_LONGEST_PATH
    ]
