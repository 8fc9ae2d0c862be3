"""Servers on loopback addresses that imitate S3, and what may answer instead.

All names have one port, as on the network; each name has an address of its own in
127.0.0.0/8, which the resolver of the test returns.
"""

import datetime
import ipaddress
import socket
import ssl
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from portal.stack import ports
from usage.usg.client.access_check import names_of

NAMES = names_of()
EVERY = (*NAMES.bucket, *NAMES.service)

# Answers a client on a connection under TLS.
Play = Callable[[ssl.SSLSocket], None]

DENIED = (
    b'<?xml version="1.0" encoding="UTF-8"?>\n'
    b"<Error><Code>AccessDenied</Code><Message>Access Denied</Message></Error>"
)


def answer(status: str, body: bytes = b"", *headers: str) -> Play:
    """Answer each request with a status line, a body and headers."""
    head = [f"HTTP/1.1 {status}", f"Content-Length: {len(body)}", *headers, "", ""]

    def play(wire: ssl.SSLSocket) -> None:
        wire.recv(4_096)
        wire.sendall("\r\n".join(head).encode() + body)

    return play


def trickle(wire: ssl.SSLSocket) -> None:
    """Send a byte of an endless head again and again, each in time."""
    wire.recv(4_096)
    wire.sendall(b"HTTP/1.1 403 Forbidden\r\n")
    for _ in range(600):
        wire.sendall(b"x")
        time.sleep(0.05)


def silent(wire: ssl.SSLSocket) -> None:
    """Take the request and never answer."""
    with suppress(OSError):
        while wire.recv(4_096):
            pass


def hang_up(wire: ssl.SSLSocket) -> None:
    """Close the connection without an answer."""
    wire.recv(4_096)


def not_http(wire: ssl.SSLSocket) -> None:
    """Answer in another protocol."""
    wire.recv(4_096)
    wire.sendall(b"220 mail.example ESMTP\r\n")


s3 = answer("403 Forbidden", DENIED, "Server: AmazonS3")
service = answer("307 Temporary Redirect", b"", "Location: /s3/", "Server: AmazonS3")


@dataclass
class Network:
    """How each name answers. `unresolved` names have no address, `closed` no server.

    `foreign` names have a certificate of an authority that nobody trusts, `inspected`
    ones that of a trusted authority with another name than Amazon's; `stalling` ones
    never end their handshake, a byte at a time. `future` names have a certificate of
    Amazon's for tomorrow, `rootless` ones that of an authority of Amazon which is not
    trusted.
    """

    plays: dict[str, Play] = field(
        default_factory=lambda: {
            **dict.fromkeys(NAMES.bucket, s3),
            **dict.fromkeys(NAMES.service, service),
        }
    )
    unresolved: set[str] = field(default_factory=set)
    closed: set[str] = field(default_factory=set)
    foreign: set[str] = field(default_factory=set)
    inspected: set[str] = field(default_factory=set)
    stalling: set[str] = field(default_factory=set)
    future: set[str] = field(default_factory=set)
    rootless: set[str] = field(default_factory=set)
    port: int = 0
    authorities: str = ""

    def resolve(self, name: str, port: int) -> list[tuple[Any, ...]]:
        if name in self.unresolved:
            raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")
        kind = (socket.AF_INET, socket.SOCK_STREAM, 0, "")
        return [(*kind, (address_of(name), port))]


def address_of(name: str) -> str:
    # A proxy of the tests knows the usual loopback address only.
    number = EVERY.index(name)
    return f"127.0.1.{number}" if number else ports.LOOPBACK


@contextmanager
def running(network: Network) -> Iterator[Network]:
    """Serve all names that are not closed, until the block ends."""
    with TemporaryDirectory() as folder:
        contexts = _contexts(Path(folder))
        network.port = ports.find_free()
        network.authorities = str(Path(folder) / "trusted.pem")
        servers = []
        try:
            for name in EVERY:
                if name not in network.closed:
                    server = socket.create_server((address_of(name), network.port))
                    servers.append(server)
                    context = contexts[_issuer_for(network, name)]
                    stalls = name in network.stalling
                    talk = _stall if stalls else _tls(context, network.plays[name])
                    _accept(server, talk)
            yield network
        finally:
            for server in servers:
                server.close()


def _issuer_for(network: Network, name: str) -> str:
    kinds = ("foreign", "inspected", "future", "rootless")
    return next((one for one in kinds if name in getattr(network, one)), "amazon")


def _tls(context: ssl.SSLContext, play: Play) -> Callable[[socket.socket], None]:
    def talk(client: socket.socket) -> None:
        with context.wrap_socket(client, server_side=True) as wire:
            wire.settimeout(30)
            play(wire)

    return talk


def _stall(client: socket.socket) -> None:
    """Begin the longest record of a TLS handshake, a byte at a time."""
    client.sendall(b"\x16\x03\x03\x40\x00")
    for _ in range(600):
        client.sendall(b"\x02")
        time.sleep(0.05)


def _accept(server: socket.socket, talk: Callable[[socket.socket], None]) -> None:
    def converse(client: socket.socket) -> None:
        with suppress(OSError), client:
            talk(client)

    def serve() -> None:
        with suppress(OSError):
            while True:
                client, _ = server.accept()
                threading.Thread(target=converse, args=(client,), daemon=True).start()

    threading.Thread(target=serve, daemon=True).start()


def _contexts(folder: Path) -> Mapping[str, ssl.SSLContext]:
    trusted = b""
    contexts = {}
    for kind, files in _certificates().items():
        chain, authority = files
        path = folder / f"{kind}.pem"
        path.write_bytes(chain)
        contexts[kind] = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        contexts[kind].load_cert_chain(path)
        if kind not in {"foreign", "rootless"}:
            trusted += authority
    (folder / "trusted.pem").write_bytes(trusted)
    return contexts


@cache
def _certificates() -> Mapping[str, tuple[bytes, bytes]]:
    """Return key with certificate, and the authority, of each kind; once a process."""
    organisations = {
        "amazon": "Amazon",
        "inspected": "Corporate Inspection",
        "foreign": "Hotel Network",
        "future": "Amazon Tomorrow",
        "rootless": "Amazon Elsewhere",
    }
    return {
        kind: _issued(name, days=2 if kind == "future" else 0)
        for kind, name in organisations.items()
    }


def _issued(organisation: str, *, days: int) -> tuple[bytes, bytes]:
    now = datetime.datetime.now(datetime.UTC) + datetime.timedelta(days=days)
    authority_key, key = (ec.generate_private_key(ec.SECP256R1()) for _ in range(2))
    issuer = x509.Name(
        [
            x509.NameAttribute(NameOID.ORGANIZATION_NAME, organisation),
            x509.NameAttribute(NameOID.COMMON_NAME, f"{organisation} RSA 2048 M01"),
        ]
    )

    def signed(name: x509.Name, public: Any, *more: x509.ExtensionType) -> bytes:
        builder = (
            x509.CertificateBuilder()
            .subject_name(name)
            .issuer_name(issuer)
            .public_key(public)
            .serial_number(x509.random_serial_number())
            .not_valid_before(now - datetime.timedelta(days=1))
            .not_valid_after(now + datetime.timedelta(days=1))
        )
        for extension in more:
            builder = builder.add_extension(extension, critical=False)
        made = builder.sign(authority_key, hashes.SHA256())
        return made.public_bytes(serialization.Encoding.PEM)

    named = [x509.DNSName(one) for one in EVERY]
    loopback = x509.IPAddress(ipaddress.ip_address(ports.LOOPBACK))
    server = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "*.amazonaws.com")])
    private = key.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    )
    alternatives = x509.SubjectAlternativeName([*named, loopback])
    certificate = signed(server, key.public_key(), alternatives)
    authority = signed(
        issuer,
        authority_key.public_key(),
        x509.BasicConstraints(ca=True, path_length=None),
    )
    return private + certificate, authority
