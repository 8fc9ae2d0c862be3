"""SMTP backend that records if a mail may have been sent.

A mail server has taken a mail once it has answered the end of its text. A failure
before the text is begun has sent nothing; after a cut in between, nobody can tell.
"""

import smtplib
from typing import Any

from django.core.mail.backends.smtp import EmailBackend


class _TrackingMixin:
    """Records that the text of a mail was begun and is not answered yet."""

    is_in_text = False

    def data(self, msg: Any) -> tuple[int, bytes]:
        self.is_in_text = True
        try:
            answer: tuple[int, bytes] = super().data(msg)  # type: ignore[misc]  # smtplib's
        except smtplib.SMTPDataError:
            # The server refused before any of the text: that is an answer.
            self.is_in_text = False
            raise
        self.is_in_text = False
        return answer


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
        """True if the last mail was begun and never answered."""
        connection: object = self.connection
        return isinstance(connection, _TrackingMixin) and connection.is_in_text
