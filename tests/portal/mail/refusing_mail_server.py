"""A real mail server on the loopback that refuses or hangs up on request."""

import email
from asyncio import WriteTransport
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from email import policy
from email.message import EmailMessage
from typing import Any

from aiosmtpd.controller import Controller
from aiosmtpd.smtp import SMTP, Envelope, Session

from portal.stack import ports

# Instead of an answer.
HANG_UP = "hang up"

_TAKEN = "250 OK"


@dataclass
class MailServer:
    """What it answers, by an address and the command; and the mails that it has."""

    answers: dict[tuple[str, str], str] = field(default_factory=dict)
    taken: list[tuple[str, EmailMessage]] = field(default_factory=list)

    def addresses(self) -> list[str]:
        return [to for to, _ in self.taken]

    def texts(self, address: str) -> list[str]:
        """Return what the mails to an address say, as plain text."""
        found = [one.get_body(("plain",)) for to, one in self.taken if to == address]
        return [body.get_content() for body in found if body is not None]

    def _said(self, address: str, command: str, server: SMTP) -> str | None:
        said = self.answers.get((address, command))
        if said == HANG_UP and isinstance(server.transport, WriteTransport):
            server.transport.abort()
        return said

    async def handle_RCPT(  # noqa: N802 - the library's name
        self,
        server: SMTP,
        _session: Session,
        envelope: Envelope,
        address: str,
        _options: list[str],
    ) -> str:
        if said := self._said(address, "RCPT", server):
            return said
        envelope.rcpt_tos.append(address)
        return _TAKEN

    async def handle_DATA(  # noqa: N802 - the library's name
        self, server: SMTP, _session: Session, envelope: Envelope
    ) -> str:
        (to,) = envelope.rcpt_tos
        said = self._said(to, "DATA", server)
        if said is None or said == HANG_UP:
            content = envelope.original_content or b""
            message = email.message_from_bytes(content, policy=policy.default)
            self.taken.append((to, message))
        return said or _TAKEN


@contextmanager
def mail_server(settings: Any) -> Iterator[MailServer]:
    """Let the settings name a mail server, for a while."""
    handler = MailServer()
    controller = Controller(
        handler, hostname=ports.LOOPBACK, port=ports.find_free(), ready_timeout=20
    )
    controller.start()
    settings.EMAIL_BACKEND = "portal.mail.smtp_backend.SmtpBackend"
    settings.EMAIL_HOST, settings.EMAIL_PORT = ports.LOOPBACK, controller.port
    settings.EMAIL_TIMEOUT = 5
    try:
        yield handler
    finally:
        controller.stop()
