"""Answers to the client's requests, and whether the portal itself gave them.

A proxy, a firewall or a sign-in page of a network can answer in the portal's place.
Such an answer says nothing about a file, so it is reported as what it is.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from http import HTTPStatus
from http.client import HTTPResponse
from typing import Any
from urllib.parse import urlsplit

from usage.usg.characters import cleaned
from usage.usg.limits import DEFAULT_LIMITS, MIB

# Statuses after which the same request may succeed: faults of a server, or temporary.
PASSING = frozenset({408, 425, 429, 500, 502, 503, 504})

# Refusals of the portal that a broken connection causes.
OF_THE_LINE = frozenset({"body-cut", "body-stalled"})

# Statuses by which the portal asks to wait, whatever file was sent.
BUSY = frozenset({429, 503})

# Largest answer that is read; the portal's own are far smaller.
LARGEST_ANSWER = 32 * 1024 * 1024

# Each answer of the portal has one of these fields.
_OF_PORTAL = ("code", "verdict", "files", "conclusion")

# Characters of a header that are shown.
_SHOWN = 60

_WHAT_TO_DO: Mapping[int, str] = {
    HTTPStatus.UNAUTHORIZED: (
        "It asks for a sign-in of its own. Ask whoever runs it to let this server send"
        " its API token to the portal."
    ),
    HTTPStatus.PROXY_AUTHENTICATION_REQUIRED: (
        "It is a proxy that asks for a user and a password. Give them with HTTPS_PROXY"
        " or --proxy."
    ),
    HTTPStatus.REQUEST_ENTITY_TOO_LARGE: (
        "It does not pass files of this size on. Ask whoever runs it to allow requests"
        f" of {DEFAULT_LIMITS.file_bytes // MIB} MB."
    ),
}
_REFUSED = (
    "Ask whoever runs the network of this server, or the portal, to let the request"
    " pass."
)
_PASSES = (
    "The portal may be starting again. If this lasts, ask whoever runs the portal."
)
_INSTEAD = (
    "It may be a sign-in page of the network, or another site. Check the address after"
    " --to; if it is right, ask whoever runs the network of this server."
)


@dataclass(frozen=True, slots=True)
class Answer:
    """An answer to a request; `document` is empty where it is no JSON object.

    `retry_after` is in seconds. `kind` is the media type, `server` what the Server
    header says, `redirect` the host of a redirect, which is never followed: the
    request has a token.
    """

    status: int
    document: Mapping[str, Any]
    retry_after: float | None = None
    kind: str = ""
    server: str = ""
    redirect: str = ""

    @property
    def is_passing(self) -> bool:
        return self.status in PASSING or self.document.get("code") in OF_THE_LINE

    @property
    def is_of_portal(self) -> bool:
        return any(name in self.document for name in _OF_PORTAL)

    @property
    def is_busy(self) -> bool:
        """Whether the portal asks to wait: that concerns all files, not one."""
        return self.is_of_portal and self.status in BUSY

    @property
    def reason(self) -> str:
        """The answer as text for the reader of the report."""
        if not self.is_of_portal:
            return self._between_text()
        title = str(self.document.get("title") or f"status {self.status}")
        return f"{title} {self.document.get('advice', '')}".rstrip()

    def _between_text(self) -> str:
        facts = [f"status {self.status}"]
        facts += [self.kind] if self.kind else []
        facts += [f"from {self.server}"] if self.server else []
        facts += [f"redirects to {self.redirect}"] if self.redirect else []
        answered = "something between this server and the portal answered"
        return f"{answered}: {', '.join(facts)}. {self._what_to_do()}"

    def _what_to_do(self) -> str:
        if self.status in _WHAT_TO_DO:
            return _WHAT_TO_DO[self.status]
        if self.status in PASSING:
            return _PASSES
        return _REFUSED if self.status >= HTTPStatus.BAD_REQUEST else _INSTEAD


def read_answer(response: HTTPResponse) -> Answer:
    """Read an answer, whoever gave it."""
    after = response.headers.get("Retry-After", "")
    is_number = after.isascii() and after.isdigit()
    try:
        document = json.loads(response.read(LARGEST_ANSWER))
    except ValueError:
        document = {}
    return Answer(
        status=response.status,
        document=document if isinstance(document, dict) else {},
        retry_after=float(after) if is_number else None,
        kind=_shown(response.headers.get_content_type()),
        server=_shown(response.headers.get("Server", "")),
        redirect=_host(response.headers.get("Location", "")),
    )


def _host(location: str) -> str:
    """Return the host of a redirect; its address may hold secrets."""
    try:
        return _shown(urlsplit(location).hostname or "")
    except ValueError:
        return ""


def _shown(header: str) -> str:
    return cleaned(header.strip()[:_SHOWN])
