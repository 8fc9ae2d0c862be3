"""Probes one host name of S3 as an automated upload would reach it.

The steps are DNS, connection, TLS and answer; the first that fails ends the probe. Each
probe has one time limit, whatever the other side does.
"""

import re
import socket
import ssl
import time
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from enum import StrEnum
from http import HTTPStatus
from http.client import HTTPException, HTTPResponse

from usage.usg.characters import cleaned
from usage.usg.client.issuer import issuer_of
from usage.usg.client.proxy import Proxy, ProxyRefusedError, ask_for_tunnel
from usage.usg.client.resolving import (
    Resolve,
    error_text,
    resolve_in_time,
    resolved_by_machine,
)
from usage.usg.client.time_limit import TimeLimit

# Bytes of an answer that are read: an error document of S3 has a few hundred.
_READ = 64 * 1024


# Characters of `NameProbe.detail`: the longest advice about a proxy, and its name.
DETAIL_CHARACTERS = 600

_ERROR = re.compile(rb"\A(?:\xef\xbb\xbf)?\s*(?:<\?xml[^>]{0,200}\?>\s*)?<Error[\s>]")
_CODE = re.compile(rb"<Code>([A-Za-z0-9]{1,64})</Code>")
_TITLE = re.compile(rb"<title[^>]{0,200}>([^<]{1,200})", re.IGNORECASE)
_DENIED = "AccessDenied"


class ProbeOutcome(StrEnum):
    """How a probe ended, from the last step to the first."""

    DENIED = "access-denied"
    OTHER_ANSWER = "other-answer-of-s3"
    OTHER_PAGE = "not-s3"
    NO_ANSWER = "no-answer"
    CERTIFICATE = "certificate-not-trusted"
    CERTIFICATE_DATE = "certificate-not-valid-now"
    AUTHORITY = "authority-unknown"
    TLS_FAILED = "tls-failed"
    PROXY_SIGN_IN = "proxy-sign-in"
    PROXY_REFUSED = "proxy-refused"
    PROXY_AWAY = "proxy-away"
    NOT_CONNECTED = "not-connected"
    NOT_RESOLVED = "not-resolved"


# By the codes of OpenSSL (X509_V_ERR_…). A wrong clock, or a machine without Amazon's
# root certificates, fails as an intercepting proxy does; the issuer tells them apart.
_UNTRUSTED = {
    2: ProbeOutcome.AUTHORITY,
    9: ProbeOutcome.CERTIFICATE_DATE,
    10: ProbeOutcome.CERTIFICATE_DATE,
    19: ProbeOutcome.AUTHORITY,
    20: ProbeOutcome.AUTHORITY,
}


@dataclass(frozen=True, slots=True)
class ProbeLimits:
    """Port and time limit of a probe, in seconds, and the authorities it trusts.

    `authorities` is a file of PEM certificates; None is what the machine trusts.
    `resolve` returns what `socket.getaddrinfo` does, or raises OSError.
    """

    port: int = 443
    seconds: float = 20.0
    authorities: str | None = None
    resolve: Resolve = resolved_by_machine


@dataclass(frozen=True, slots=True, kw_only=True)
class NameProbe:
    """The findings of the probe of one name.

    `addresses` are those that DNS returned; `tls` is the version of TLS; `issuer` names
    the issuer of the certificate; `status` is the HTTP status and `code` S3's code of
    the error. `detail` is the reason why the last step failed, or the title or redirect
    of a page that is not S3's. `seconds` is how long the probe took.
    """

    name: str
    outcome: ProbeOutcome
    addresses: tuple[str, ...] = ()
    tls: str = ""
    issuer: str = ""
    status: int | None = None
    code: str = ""
    detail: str = ""
    seconds: float = 0.0


class _StepError(Exception):
    """A step failed, and the probe is over."""

    def __init__(self, outcome: ProbeOutcome, detail: str, *, issuer: str = "") -> None:
        super().__init__(detail)
        self.outcome, self.detail, self.issuer = outcome, detail, issuer


def probe(name: str, limits: ProbeLimits, proxy: Proxy | None = None) -> NameProbe:
    """Reach a name and read its answer; failures of the network are outcomes.

    Raises:
        OSError: the file of `limits.authorities` cannot be read.

    """
    began, line = time.monotonic(), TimeLimit(limits.seconds)
    probing = _Probing(name, limits, proxy, line)
    try:
        probing.run()
    except _StepError as error:
        detail = error.detail
        if line.is_over:
            detail = f"it did not end within {limits.seconds:g} s"
        probing.found = replace(
            probing.found,
            outcome=error.outcome,
            detail=detail[:DETAIL_CHARACTERS],
            issuer=error.issuer or probing.found.issuer,
        )
    finally:
        line.close()
    return replace(probing.found, seconds=round(time.monotonic() - began, 3))


class _Probing:
    """The steps of one probe; `found` holds the findings of the steps so far."""

    def __init__(
        self, name: str, limits: ProbeLimits, proxy: Proxy | None, line: TimeLimit
    ) -> None:
        self.name, self.limits, self.proxy, self.line = name, limits, proxy, line
        self.found = NameProbe(name=name, outcome=ProbeOutcome.NO_ANSWER)

    def run(self) -> None:
        # A proxy resolves the name itself, and this machine may not be able to.
        if self.proxy is None:
            addresses, problem = resolve_in_time(
                self.limits.resolve, self.name, self.limits.port, self.line.left
            )
            if problem:
                raise _StepError(ProbeOutcome.NOT_RESOLVED, problem)
            self.found = replace(self.found, addresses=addresses)
        secure = self._secure(self._connect())
        certificate = secure.getpeercert(binary_form=True) or b""
        self.found = replace(
            self.found, tls=secure.version() or "", issuer=issuer_of(certificate)
        )
        try:
            found = _read(secure, self.found)
        except (OSError, HTTPException) as error:
            raise _StepError(ProbeOutcome.NO_ANSWER, error_text(error)) from error
        if self.line.is_over:
            # An answer that the time limit cut off looks like a complete one.
            raise _StepError(ProbeOutcome.NO_ANSWER, "")
        self.found = found

    def _connect(self) -> socket.socket:
        if self.proxy is None:
            away = ProbeOutcome.NOT_CONNECTED
            return self._connect_to(self.found.addresses, self.limits.port, away)
        away = ProbeOutcome.PROXY_AWAY
        addresses, problem = resolve_in_time(
            resolved_by_machine, self.proxy.host, self.proxy.port, self.line.left
        )
        if problem:
            raise _StepError(away, problem)
        wire = self._connect_to(addresses, self.proxy.port, away)
        self.line.watch(wire)
        try:
            ask_for_tunnel(wire, self.proxy, self.name, self.limits.port)
        except ProxyRefusedError as error:
            outcome = ProbeOutcome.PROXY_REFUSED
            if error.status == HTTPStatus.PROXY_AUTHENTICATION_REQUIRED:
                outcome = ProbeOutcome.PROXY_SIGN_IN
            raise _StepError(outcome, str(error)) from error
        except (OSError, HTTPException) as error:
            raise _StepError(away, error_text(error)) from error
        return wire

    def _connect_to(
        self, addresses: Sequence[str], port: int, away: ProbeOutcome
    ) -> socket.socket:
        detail = ""
        for number, address in enumerate(addresses):
            # The addresses share the time: a dead one must not use it up.
            share = self.line.left / (len(addresses) - number)
            try:
                wire = socket.create_connection((address, port), share)
            except OSError as error:
                detail = error_text(error)
                continue
            wire.settimeout(self.line.left)
            return wire
        raise _StepError(away, detail)

    def _secure(self, wire: socket.socket) -> ssl.SSLSocket:
        context = ssl.create_default_context(cafile=self.limits.authorities)
        try:
            return self._handshake(context, wire)
        except ssl.SSLCertVerificationError as error:
            issuer = self._unverified_issuer()
            outcome = _UNTRUSTED.get(error.verify_code, ProbeOutcome.CERTIFICATE)
            raise _StepError(outcome, error.verify_message, issuer=issuer) from error
        except OSError as error:
            raise _StepError(ProbeOutcome.TLS_FAILED, error_text(error)) from error

    def _unverified_issuer(self) -> str:
        """Return the issuer of a certificate that is not trusted; send no request."""
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
        with suppress(OSError, _StepError):
            secure = self._handshake(context, self._connect())
            return issuer_of(secure.getpeercert(binary_form=True) or b"")
        return ""

    def _handshake(self, context: ssl.SSLContext, wire: socket.socket) -> ssl.SSLSocket:
        # Watch before the handshake: the time limit covers it, and `close` closes it.
        secure = context.wrap_socket(
            wire, server_hostname=self.name, do_handshake_on_connect=False
        )
        self.line.watch(secure)
        secure.do_handshake()
        return secure


def _read(wire: ssl.SSLSocket, reached: NameProbe) -> NameProbe:
    lines = [
        "GET / HTTP/1.1",
        f"Host: {reached.name}",
        "User-Agent: usage-access-check",
        "Accept: application/xml, */*;q=0.1",
        "Connection: close",
    ]
    wire.sendall("\r\n".join([*lines, "", ""]).encode("ascii"))
    response = HTTPResponse(wire, method="GET")
    try:
        response.begin()
        body = response.read(_READ)
    finally:
        response.close()
    found = replace(reached, status=response.status)
    code = _CODE.search(body) if _ERROR.search(body) else None
    if code is not None:
        name = code[1].decode("ascii")
        is_denied = name == _DENIED and response.status == HTTPStatus.FORBIDDEN
        outcome = ProbeOutcome.DENIED if is_denied else ProbeOutcome.OTHER_ANSWER
        return replace(found, outcome=outcome, code=name)
    if response.headers.get("Server") == "AmazonS3":
        # Without a bucket in its name, S3 redirects to a page about itself.
        return replace(found, outcome=ProbeOutcome.OTHER_ANSWER)
    title = _TITLE.search(body)
    shown = title[1].decode("utf-8", "replace") if title else ""
    shown = shown or response.headers.get("Location") or ""
    return replace(found, outcome=ProbeOutcome.OTHER_PAGE, detail=cleaned(shown)[:120])
