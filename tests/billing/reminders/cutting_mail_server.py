"""A mail server that can be cut at any command, and records accepted mail."""

import socket
import threading
from asyncio import WriteTransport
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from email import message_from_bytes, policy
from email.message import EmailMessage
from typing import Any

from aiosmtpd.controller import Controller
from aiosmtpd.smtp import SMTP, Envelope, Session

# Where a connection can be cut; `answer` is after the text was taken, `text` within it.
CUTS = ("connect", "ehlo", "mail", "rcpt", "data", "text", "answer", "quit")


@dataclass
class CuttingMailServer:
    """What a server has taken, and how the next mails fare: a cut or a refusal each."""

    taken: list[EmailMessage] = field(default_factory=list)
    cut_at: str = ""
    every: int = 1
    # One cut is enough, and then it is somebody else's turn; see `cuts`.
    in_turn: tuple[str, ...] = ()
    refuses: dict[str, str] = field(default_factory=dict)
    refuses_text: str = ""
    seen: Counter[str] = field(default_factory=Counter)

    def cuts(self, where: str) -> bool:
        """Say whether it is cut here; with `in_turn` at one place after the other."""
        self.seen[where] += 1
        is_cut = self.cut_at == where and self.seen[where] % self.every == 0
        if is_cut and self.in_turn:
            number = self.in_turn.index(where) + 1
            self.cut_at = self.in_turn[number % len(self.in_turn)]
        return is_cut

    def of(self, address: str) -> list[EmailMessage]:
        return [one for one in self.taken if one["To"] == address]


def cut(server: SMTP) -> None:
    """Break the connection off, as a network does."""
    assert isinstance(server.transport, WriteTransport)
    server.transport.abort()


class _Smtp(SMTP):
    post: CuttingMailServer

    def connection_made(self, transport: Any) -> None:
        super().connection_made(transport)
        if self.post.cuts("connect"):
            transport.abort()

    async def smtp_DATA(self, arg: str) -> None:  # noqa: N802 - aiosmtpd calls it so
        if self.post.cut_at == "text" and self.post.cuts("text"):
            # Invites the text, and is gone while it comes.
            await self.push("354 End data with <CR><LF>.<CR><LF>")
            await self._reader.readline()
            self._cut()
            return
        await super().smtp_DATA(arg)

    async def smtp_QUIT(self, arg: str) -> None:  # noqa: N802 - aiosmtpd calls it so
        if self.post.cuts("quit"):
            self._cut()
            return
        await super().smtp_QUIT(arg)

    def _cut(self) -> None:
        cut(self)


class _MailHandler:
    def __init__(self, post: CuttingMailServer) -> None:
        self._post = post

    async def handle_EHLO(  # noqa: N802 - aiosmtpd calls it so
        self,
        server: SMTP,
        session: Session,
        envelope: Envelope,
        hostname: str,
        responses: list[str],
    ) -> list[str]:
        session.host_name = hostname
        self._cut_if(server, "ehlo")
        return responses

    async def handle_MAIL(  # noqa: N802 - aiosmtpd calls it so
        self,
        server: SMTP,
        session: Session,
        envelope: Envelope,
        address: str,
        options: list[str],
    ) -> str:
        self._cut_if(server, "mail")
        envelope.mail_from = address
        return "250 OK"

    async def handle_RCPT(  # noqa: N802 - aiosmtpd calls it so
        self,
        server: SMTP,
        session: Session,
        envelope: Envelope,
        address: str,
        options: list[str],
    ) -> str:
        self._cut_if(server, "rcpt")
        if address in self._post.refuses:
            return self._post.refuses[address]
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(  # noqa: N802 - aiosmtpd calls it so
        self, server: SMTP, session: Session, envelope: Envelope
    ) -> str:
        if self._post.refuses_text:
            return self._post.refuses_text
        content = envelope.content
        assert isinstance(content, bytes)
        # One that ends before it has the whole text has taken nothing.
        self._cut_if(server, "data")
        self._post.taken.append(message_from_bytes(content, policy=policy.default))
        self._cut_if(server, "answer")
        return "250 OK"

    def _cut_if(self, server: SMTP, where: str) -> None:
        if self._post.cuts(where):
            cut(server)


@contextmanager
def running(settings: Any) -> Iterator[CuttingMailServer]:
    """Run a mail server in a thread, and have the portal send to it."""
    post = CuttingMailServer()

    class _Controller(Controller):
        def factory(self) -> SMTP:
            made = _Smtp(self.handler, enable_SMTPUTF8=True)
            made.post = post
            return made

    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    _Smtp.post = post
    controller = _Controller(_MailHandler(post), hostname="127.0.0.1", port=port)
    controller.start()
    settings.EMAIL_BACKEND = "portal.mail.smtp_backend.SmtpBackend"
    settings.EMAIL_HOST, settings.EMAIL_PORT = "127.0.0.1", port
    settings.EMAIL_TIMEOUT = 5
    settings.EMAIL_USE_SSL = settings.EMAIL_USE_TLS = False
    settings.EMAIL_HOST_USER = settings.EMAIL_HOST_PASSWORD = ""
    try:
        yield post
    finally:
        controller.stop()
        assert not any(
            thread.name.startswith("aiosmtpd") for thread in threading.enumerate()
        )
