"""HTTP client of the portal's API for scripts: standard library only, with retries."""

import json
import random
import ssl
import time
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from http.client import HTTPConnection, HTTPException, HTTPResponse, HTTPSConnection
from typing import IO, Any
from urllib.parse import urlsplit

# Seconds without a word, in either direction.
TIMEOUT = 60

# Tries of one request, and the wait before the second, in seconds; it doubles.
TRIES = 7
FIRST_WAIT = 1.0
LONGEST_WAIT = 60.0

# A portal that asks for a longer wait than this is left for the next run.
LONGEST_ASKED = 600.0

# Answers after which the same request may do: it is theirs, or was the line's fault.
PASSING = frozenset({408, 425, 429, 500, 502, 503, 504})
OF_THE_LINE = frozenset({"body-cut", "body-stalled"})

# Hosts to which a token may go without TLS: it does not leave the machine.
LOOPBACK = frozenset({"127.0.0.1", "::1", "localhost"})

# Largest answer that is read; the portal's own are far smaller.
LARGEST_ANSWER = 32 * 1024 * 1024


class NotDeliveredError(Exception):
    """No answer that is one, after all patience."""


@dataclass(frozen=True, slots=True)
class Answer:
    """An answer of the portal; `document` is empty where it is no JSON object."""

    status: int
    document: Mapping[str, Any]
    retry_after: float | None = None

    @property
    def is_passing(self) -> bool:
        return self.status in PASSING or self.document.get("code") in OF_THE_LINE


@dataclass(frozen=True, slots=True)
class Portal:
    """One portal and the token for its API, which is never shown.

    Raises ValueError for an address that is none, or that would send the token in the
    clear.
    """

    address: str
    token: str = field(repr=False)

    def __post_init__(self) -> None:
        parts = urlsplit(self.address)
        if "@" in parts.netloc or parts.query or parts.fragment:
            # None of these would be used; and the address may hold a password.
            message = "an address has no user, no password, no ? and no #"
            raise ValueError(message)
        is_near = parts.scheme == "http" and parts.hostname in LOOPBACK
        if not parts.hostname or not (parts.scheme == "https" or is_near):
            message = f"{self.address}: an address begins with https://"
            raise ValueError(message)
        if not self.token.isascii() or not self.token.isprintable() or not self.token:
            message = "the token is empty, or no token"
            raise ValueError(message)

    def send_json(self, method: str, path: str, document: Mapping[str, Any]) -> Answer:
        """Send a JSON object."""
        body = json.dumps(document).encode()
        return self.patiently(
            method, path, body, headers={"Content-Type": "application/json"}
        )

    def patiently(
        self,
        method: str,
        path: str,
        body: bytes | IO[bytes],
        *,
        headers: Mapping[str, str],
    ) -> Answer:
        """Send a request until it is answered.

        Raises:
            NotDeliveredError: it never was.

        """
        wait, reason = FIRST_WAIT, ""
        for number in range(TRIES):
            if number:
                time.sleep(wait * random.uniform(0.75, 1.25))  # noqa: S311 - no secret
                wait = min(2 * wait, LONGEST_WAIT)
            try:
                answer = self._once(method, path, body, headers)
            except ssl.SSLCertVerificationError as error:
                message = f"the certificate is not trusted: {error.verify_message}"
                raise NotDeliveredError(message) from error
            except (OSError, HTTPException) as error:
                reason = str(error) or type(error).__name__
                continue
            if not answer.is_passing:
                return answer
            reason = str(answer.document.get("title") or f"status {answer.status}")
            if answer.retry_after is not None:
                if answer.retry_after > LONGEST_ASKED:
                    break
                wait = max(answer.retry_after, FIRST_WAIT)
        raise NotDeliveredError(reason)

    def _once(
        self,
        method: str,
        path: str,
        body: bytes | IO[bytes],
        headers: Mapping[str, str],
    ) -> Answer:
        parts = urlsplit(self.address)
        host = parts.hostname or ""
        connection: HTTPConnection
        if parts.scheme == "https":
            tls = ssl.create_default_context()
            connection = HTTPSConnection(host, parts.port, timeout=TIMEOUT, context=tls)
        else:
            connection = HTTPConnection(host, parts.port, timeout=TIMEOUT)
        sent = {"Authorization": f"Bearer {self.token}", **headers}
        content: bytes | Iterable[bytes] = body
        if not isinstance(body, bytes):
            body.seek(0)
        try:
            try:
                connection.request(method, parts.path.rstrip("/") + path, content, sent)
            except (BrokenPipeError, ConnectionResetError):
                # It has answered and hung up before all was sent: read that answer.
                if connection.sock is None:
                    raise
            return _answer(connection.getresponse())
        finally:
            connection.close()


def _answer(response: HTTPResponse) -> Answer:
    after = response.headers.get("Retry-After", "")
    retry_after = float(after) if after.isascii() and after.isdigit() else None
    try:
        document = json.loads(response.read(LARGEST_ANSWER))
    except ValueError:
        document = {}
    if not isinstance(document, dict):
        document = {}
    return Answer(response.status, document, retry_after)
