"""An outgoing HTTP proxy: its address, and a tunnel through it (CONNECT).

The proxy gets the portal's host and port, and its own user and password. Everything
else, including the token, is sent through the tunnel under TLS.
"""

import socket
from base64 import b64encode
from dataclasses import dataclass, field
from http import HTTPStatus
from http.client import HTTPException, HTTPResponse
from urllib.parse import unquote, urlsplit
from urllib.request import (  # type: ignore[attr-defined]  # typeshed leaves one out
    getproxies_environment,
    proxy_bypass_environment,
)

from usage.usg.characters import cleaned

# The default port of other programs too.
_PORT = 80


class ProxyRefusedError(Exception):
    """The proxy opens no tunnel, and answers with `status` instead."""

    def __init__(self, message: str, *, status: int) -> None:
        super().__init__(message)
        self.status = status

    @property
    def is_passing(self) -> bool:
        """Return whether the same request may succeed later."""
        return self.status >= HTTPStatus.INTERNAL_SERVER_ERROR


@dataclass(frozen=True, slots=True)
class Proxy:
    """An HTTP proxy; `credentials` are the value of its Proxy-Authorization header."""

    host: str
    port: int
    credentials: str = field(default="", repr=False)

    def __str__(self) -> str:
        return _authority(self.host, self.port)


def parse(address: str) -> Proxy:
    """Read `http://USER:PASSWORD@HOST:PORT`; all but the host may be left out.

    Raises:
        ValueError: it is no address of an HTTP proxy. The message does not repeat the
            address, which may hold a password.

    """
    message = "a proxy's address is http://HOST:PORT or http://USER:PASSWORD@HOST:PORT"
    try:
        parts = urlsplit(address if "://" in address else f"http://{address}")
        port = parts.port or _PORT
    except ValueError as error:
        raise ValueError(message) from error
    host = parts.hostname or ""
    has_more = parts.path.strip("/") or parts.query or parts.fragment
    is_clean = cleaned(host) == host and " " not in host
    if parts.scheme != "http" or not host or has_more or not is_clean:
        raise ValueError(message)
    credentials = ""
    if parts.username is not None:
        pair = f"{unquote(parts.username)}:{unquote(parts.password or '')}"
        credentials = f"Basic {b64encode(pair.encode()).decode()}"
    return Proxy(host, port, credentials)


def from_environment(host: str) -> Proxy | None:
    """Return the proxy for a host by `HTTPS_PROXY` and `NO_PROXY`, in either case.

    Raises:
        ValueError: HTTPS_PROXY is no address of an HTTP proxy.

    """
    found = getproxies_environment()
    # `proxy_bypass` reads the settings of Windows and macOS instead of these variables.
    if not found.get("https") or proxy_bypass_environment(host, found):
        return None
    try:
        return parse(found["https"])
    except ValueError as error:
        message = f"HTTPS_PROXY: {error}"
        raise ValueError(message) from error


def open_tunnel(proxy: Proxy, host: str, port: int, *, timeout: float) -> socket.socket:
    """Return a connection to a host and port through a proxy; `timeout` in seconds.

    Raises what `ask_for_tunnel` does.
    """
    connection = socket.create_connection((proxy.host, proxy.port), timeout)
    ask_for_tunnel(connection, proxy, host, port)
    return connection


def ask_for_tunnel(
    connection: socket.socket, proxy: Proxy, host: str, port: int
) -> None:
    """Let a proxy connect to a host and port; closes the connection if it does not.

    Raises:
        ProxyRefusedError: the proxy answers, and opens none.
        OSError, HTTPException: it does not answer, or not in HTTP.

    """
    target = _authority(host.encode("idna").decode(), port)
    lines = [f"CONNECT {target} HTTP/1.1", f"Host: {target}"]
    if proxy.credentials:
        lines.append(f"Proxy-Authorization: {proxy.credentials}")
    try:
        connection.sendall("\r\n".join([*lines, "", ""]).encode("ascii"))
        # In the tunnel the client speaks first: nothing is lost with this buffer.
        response = HTTPResponse(connection, method="CONNECT")
        try:
            response.begin()
        finally:
            response.close()
        if response.status != HTTPStatus.OK:
            raise _refusal(response, proxy, target)
    except (OSError, HTTPException, ProxyRefusedError):
        connection.close()
        raise


def _refusal(response: HTTPResponse, proxy: Proxy, target: str) -> ProxyRefusedError:
    status = response.status
    if status == HTTPStatus.PROXY_AUTHENTICATION_REQUIRED:
        return ProxyRefusedError(_sign_in_text(response, proxy), status=status)
    message = (
        f"the proxy {proxy} does not connect to {target}: status {status}."
        " Ask whoever runs the proxy to allow the connection."
    )
    return ProxyRefusedError(message, status=status)


def _sign_in_text(response: HTTPResponse, proxy: Proxy) -> str:
    offered = response.headers.get_all("Proxy-Authenticate") or []
    schemes = {cleaned(one.partition(" ")[0][:20]) for one in offered}
    if schemes and "basic" not in {one.lower() for one in schemes}:
        return (
            f"the proxy {proxy} offers a sign-in by {', '.join(sorted(schemes))} only,"
            " and this program supports Basic: status 407. Ask whoever runs the proxy"
            " to let this server pass without one."
        )
    if proxy.credentials:
        return (
            f"the proxy {proxy} does not accept the user and the password: status 407."
            " Check them in HTTPS_PROXY or --proxy, or ask whoever runs the proxy."
        )
    return (
        f"the proxy {proxy} asks for a user and a password: status 407. Give them as"
        " http://USER:PASSWORD@HOST:PORT in HTTPS_PROXY or --proxy, or ask whoever runs"
        " the proxy."
    )


def _authority(host: str, port: int) -> str:
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
