"""HTTP client of the portal's API for scripts: standard library only, with retries."""

import json
import random
import ssl
import time
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from http.client import HTTPConnection, HTTPException, HTTPSConnection
from typing import IO, Any
from urllib.parse import urlsplit

from usage.usg.client.answers import Answer, read_answer
from usage.usg.client.proxy import Proxy, ProxyRefusedError, open_tunnel

# Seconds without a word, in either direction.
TIMEOUT = 60

# Tries of one request, and the wait before the second, in seconds; it doubles.
TRIES = 7
FIRST_WAIT = 1.0
LONGEST_WAIT = 60.0

# A portal that asks for a longer wait than this is left for the next run.
LONGEST_ASKED = 600.0

# Hosts to which a token may go without TLS: it does not leave the machine.
LOOPBACK = frozenset({"127.0.0.1", "::1", "localhost"})

_HTTPS_PORT = 443


class NotDeliveredError(Exception):
    """No answer of the portal after all tries.

    `is_of_all`: no other request would fare better. Otherwise the request itself may be
    the cause, such as a file that something in between does not let through. `answer`
    is the last one that was temporary, if there was any.
    """

    def __init__(
        self, message: str, *, is_of_all: bool = False, answer: Answer | None = None
    ) -> None:
        super().__init__(message)
        self.is_of_all, self.answer = is_of_all, answer


@dataclass(frozen=True, slots=True)
class Portal:
    """One portal, the token for its API, which is never shown, and the proxy to it.

    A request is sent at most `most_tries` times; None is TRIES.

    Raises ValueError for an address that is none, or that would send the token in the
    clear.
    """

    address: str
    token: str = field(repr=False)
    proxy: Proxy | None = None
    most_tries: int | None = None

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
        if is_near and self.proxy is not None:
            # A proxy would see the token.
            message = f"{self.address} is on this machine: leave the proxy out"
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
        tries: int = TRIES,
    ) -> Answer:
        """Send a request until it is answered, at most `tries` times.

        While the portal answers that it is busy, it is sent `most_tries` times.

        Raises:
            NotDeliveredError: it never was.

        """
        wait = FIRST_WAIT
        failure = NotDeliveredError("")
        for number in range(self.most_tries or TRIES):
            if number >= tries and not failure.is_of_all:
                break
            if number:
                time.sleep(wait * random.uniform(0.75, 1.25))  # noqa: S311 - no secret
                wait = min(2 * wait, LONGEST_WAIT)
            try:
                answer = self._once(method, path, body, headers)
            except (OSError, HTTPException, ProxyRefusedError) as error:
                failure = _failure(error)
                continue
            if not answer.is_passing:
                return answer
            failure = NotDeliveredError(
                answer.reason, is_of_all=answer.is_busy, answer=answer
            )
            if answer.retry_after is not None:
                if answer.retry_after > LONGEST_ASKED:
                    break
                wait = max(answer.retry_after, FIRST_WAIT)
        raise failure

    def _once(
        self,
        method: str,
        path: str,
        body: bytes | IO[bytes],
        headers: Mapping[str, str],
    ) -> Answer:
        parts = urlsplit(self.address)
        connection = self._connection()
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
            return read_answer(connection.getresponse())
        finally:
            connection.close()

    def _connection(self) -> HTTPConnection:
        parts = urlsplit(self.address)
        host = parts.hostname or ""
        if parts.scheme != "https":
            return HTTPConnection(host, parts.port, timeout=TIMEOUT)
        tls = ssl.create_default_context()
        connection = HTTPSConnection(host, parts.port, timeout=TIMEOUT, context=tls)
        if self.proxy is not None:
            port = parts.port or _HTTPS_PORT
            tunnel = open_tunnel(self.proxy, host, port, timeout=TIMEOUT)
            try:
                connection.sock = tls.wrap_socket(tunnel, server_hostname=host)
            except OSError:
                tunnel.close()
                raise
        return connection


def _failure(error: OSError | HTTPException | ProxyRefusedError) -> NotDeliveredError:
    """Return why there was no answer.

    Raises:
        NotDeliveredError: trying again is of no use.

    """
    if isinstance(error, ssl.SSLCertVerificationError):
        message = f"the certificate is not trusted: {error.verify_message}"
        raise NotDeliveredError(message, is_of_all=True) from error
    if isinstance(error, ProxyRefusedError) and not error.is_passing:
        raise NotDeliveredError(str(error), is_of_all=True) from error
    return NotDeliveredError(str(error) or type(error).__name__)
