"""SMTP backend that records if a mail may have been sent, and ends every conversation.

A mail server has taken a mail once it has answered the end of its text. A failure
before the text is begun has sent nothing; after a cut in between, nobody can tell.
"""

import smtplib
import socket
import threading
from contextlib import suppress
from typing import Any

from django.core.mail.backends.smtp import EmailBackend

# The reply to a text takes longer than others: servers first scan it for spam and
# viruses. Giving up too early makes a mail unsure that has arrived.
_TEXT_TIMEOUTS = 6

# The longest conversation, in time-outs. A server that sends a byte now and then would
# never exceed the time-out of a single reply.
_LONGEST = 12


class _TrackingMixin:
    """Records that the text of a mail was begun, and whether it was answered."""

    timeout: float
    sock: socket.socket | None

    has_begun_text = False
    is_in_text = False
    _is_data = False
    _timer: threading.Timer | None = None

    def _get_socket(self, host: str, port: int, timeout: float) -> socket.socket:
        self._timer = threading.Timer(_LONGEST * timeout, self._cut)
        self._timer.daemon = True
        self._timer.start()
        made: socket.socket = super()._get_socket(host, port, timeout)  # type: ignore[misc]  # smtplib's
        return made

    def _cut(self) -> None:
        """End the conversation, from the thread of the timer."""
        if self.sock is not None:
            with suppress(OSError):
                # Of the plain class: a TLS socket overrides it by a method that waits.
                socket.socket.shutdown(self.sock, socket.SHUT_RDWR)

    def close(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
        super().close()  # type: ignore[misc]  # smtplib's

    def data(self, msg: Any) -> tuple[int, bytes]:
        self._is_data = True
        try:
            answer: tuple[int, bytes] = super().data(msg)  # type: ignore[misc]  # smtplib's
        finally:
            self._is_data = False
        self.is_in_text = False
        if self.sock is not None:
            self.sock.settimeout(self.timeout)
        return answer

    def send(self, s: Any) -> None:
        # smtplib passes commands as str, and the content of a mail as bytes.
        if self._is_data and isinstance(s, bytes):
            self.has_begun_text = self.is_in_text = True
            if self.sock is not None:
                self.sock.settimeout(_TEXT_TIMEOUTS * self.timeout)
        super().send(s)  # type: ignore[misc]  # smtplib's


class _TrackingSmtp(_TrackingMixin, smtplib.SMTP):
    pass


class _TrackingSmtpSsl(_TrackingMixin, smtplib.SMTP_SSL):
    pass


class SmtpBackend(EmailBackend):
    """Django's backend, over a connection that records how far it got."""

    @property
    def connection_class(self) -> type[smtplib.SMTP]:
        return _TrackingSmtpSsl if self.use_ssl else _TrackingSmtp

    @property
    def is_in_text(self) -> bool:
        """True if the text of the last mail was begun and never answered."""
        connection: object = self.connection
        return isinstance(connection, _TrackingMixin) and connection.is_in_text

    @property
    def has_begun_text(self) -> bool:
        """True if the text of a mail was begun, answered or not."""
        connection: object = self.connection
        return isinstance(connection, _TrackingMixin) and connection.has_begun_text

    def drop(self) -> None:
        """Close a connection that was never ready, without waiting for an answer."""
        connection: Any = vars(self).get("_partial_connection")
        if connection is not None:
            self._partial_connection = None
            connection.close()
