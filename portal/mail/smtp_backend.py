"""Mail over SMTP by a connection that knows whether a mail may have gone.

A mail server has taken a mail once it has answered the end of its text. Whatever fails
before the text is begun has sent nothing; a connection that is cut between leaves
nobody able to say.
"""

import smtplib
from typing import Any

from django.core.mail.backends.smtp import EmailBackend


class _TrackingMixin:
    """Notes that a text was begun and not answered yet."""

    is_in_text = False

    def data(self, msg: Any) -> tuple[int, bytes]:
        self.is_in_text = True
        try:
            answer: tuple[int, bytes] = super().data(msg)  # type: ignore[misc]  # smtplib's
        except smtplib.SMTPDataError:
            # Refused before any of it: that is an answer.
            self.is_in_text = False
            raise
        self.is_in_text = False
        return answer


class _TrackingSmtp(_TrackingMixin, smtplib.SMTP):
    pass


class _TrackingSmtpSsl(_TrackingMixin, smtplib.SMTP_SSL):
    pass


class SmtpBackend(EmailBackend):
    """Django's own, over a connection that notes how far it came."""

    @property
    def connection_class(self) -> type[smtplib.SMTP]:
        return _TrackingSmtpSsl if self.use_ssl else _TrackingSmtp

    @property
    def is_in_text(self) -> bool:
        """Whether the last mail was begun and never answered."""
        connection: object = self.connection
        return isinstance(connection, _TrackingMixin) and connection.is_in_text
