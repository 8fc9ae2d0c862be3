"""A mail server on the loopback that misbehaves as a test configures it."""

import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from email import message_from_bytes, policy
from email.message import EmailMessage
from typing import Any, BinaryIO

from portal.stack import ports

# Instead of a reply: cut the connection, or say nothing until the client leaves.
CUT, HANG, DRIP = "cut", "hang", "drip"

# Seconds for an answer in these tests; the text has six times as much.
TIMEOUT = 0.25

_USUAL = {
    "connect": "220 ready",
    "EHLO": "250-here\r\n250 AUTH LOGIN CRAM-MD5",
    "MAIL": "250 OK",
    "RCPT": "250 OK",
    "DATA": "354 go on",
    "text": "250 taken",
    "RSET": "250 OK",
    "QUIT": "221 bye",
    "STARTTLS": "220 go on",
    "AUTH": "535 no",
}


class _CutError(Exception):
    pass


@dataclass
class HostileMailServer:
    """The server: its unusual replies, and the mails that it got.

    `replies` is by stage (`connect`, a command, or `text`, the end of a mail), or by
    stage and recipient for one of them. `given` are the complete texts;
    `taken` those of them that it answered with success, heard or not.
    """

    replies: dict[str | tuple[str, str], str] = field(default_factory=dict)
    given: list[EmailMessage] = field(default_factory=list)
    taken: list[EmailMessage] = field(default_factory=list)
    connections: int = 0
    wires: list[bytes] = field(default_factory=list)

    def serve(self, client: socket.socket) -> None:
        with client, client.makefile("rb") as lines, suppress(_CutError, OSError):
            self._reply(client, "connect")
            self._talk(client, lines)

    def _talk(self, client: socket.socket, lines: BinaryIO) -> None:
        to = ""
        while line := lines.readline():
            command = line[:4].decode("ascii", "replace").upper().strip()
            command = {"STAR": "STARTTLS"}.get(command, command)
            if command == "RCPT":
                to = line.split(b"<", 1)[1].split(b">", 1)[0].decode()
            self._reply(client, command, to)
            if command == "DATA" and self._reply_of("DATA", to).startswith("354"):
                self._take(client, lines, to)
            if command in ("QUIT", "STARTTLS"):
                return

    def _take(self, client: socket.socket, lines: BinaryIO, to: str) -> None:
        content = b""
        while (line := lines.readline()) != b".\r\n":
            if not line:
                return
            content += line
        self.wires.append(content)
        message = message_from_bytes(content, policy=policy.default)
        self.given.append(message)
        # A server that cuts here has accepted the mail, which the sender cannot know.
        if self._reply_of("text", to)[:1] == "2" or self._reply_of("text", to) == CUT:
            self.taken.append(message)
        self._reply(client, "text", to)

    def _reply_of(self, stage: str, to: str) -> str:
        usual = _USUAL.get(stage, "500 what")
        return self.replies.get((stage, to), self.replies.get(stage, usual))

    def _reply(self, client: socket.socket, stage: str, to: str = "") -> None:
        reply = self._reply_of(stage, to)
        if reply == CUT:
            raise _CutError
        if reply == HANG:
            client.recv(1)
            raise _CutError
        while reply == DRIP:
            client.sendall(b"2")
            threading.Event().wait(TIMEOUT / 2)
        client.sendall(f"{reply}\r\n".encode())


@contextmanager
def hostile_server(settings: Any) -> Iterator[HostileMailServer]:
    """Run a server and have the portal send to it, with short time-outs."""
    server = HostileMailServer()
    listener = socket.create_server((ports.LOOPBACK, 0))
    settings.EMAIL_BACKEND = "portal.mail.smtp_backend.SmtpBackend"
    settings.EMAIL_HOST, settings.EMAIL_PORT = listener.getsockname()[:2]
    settings.EMAIL_TIMEOUT = TIMEOUT
    settings.EMAIL_USE_SSL = settings.EMAIL_USE_TLS = False
    settings.EMAIL_HOST_USER = settings.EMAIL_HOST_PASSWORD = ""

    def accept() -> None:
        with suppress(OSError):
            while True:
                client, _ = listener.accept()
                server.connections += 1
                # One that the client has left ends by itself.
                client.settimeout(5)
                threading.Thread(target=server.serve, args=[client]).start()

    acceptor = threading.Thread(target=accept)
    acceptor.start()
    try:
        yield server
    finally:
        listener.shutdown(socket.SHUT_RDWR)
        listener.close()
        acceptor.join(5)
