"""Mails that are handed over one by one, with what the mail server said of each.

Whose trouble a failure is decides what is done about it: the connection's, which is
every mail's; one mail's; or nobody can say whether the mail has gone.
"""

import smtplib
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Any

from django.core.mail import EmailMessage, get_connection
from django.core.mail.backends.base import BaseEmailBackend
from django.core.mail.backends.smtp import EmailBackend

# From here on the server does not want to be asked again.
_FOR_GOOD = 500

# It says so of the connection, at any command.
_CLOSING = 421


class AwayError(Exception):
    """The server cannot be reached, or has hung up: it took nothing."""


class UnsureError(Exception):
    """The server has hung up without an answer: perhaps it has taken the mail."""


class DeclinedError(Exception):
    """The server did not take this mail; others it may take.

    `is_for_good` says whether it will ever do.
    """

    def __init__(self, said: str, *, is_for_good: bool) -> None:
        super().__init__(said)
        self.is_for_good = is_for_good


class _Telling(smtplib.SMTP):
    """A connection that knows whether it was about to hand a mail over."""

    was_handing_over = False

    def data(self, msg: Any) -> tuple[int, bytes]:
        self.was_handing_over = True
        return super().data(msg)


class _TellingSSL(_Telling, smtplib.SMTP_SSL):
    pass


class ServerBackend(EmailBackend):
    """Django's backend for a mail server; it can be asked what its connection knows."""

    @property
    def connection_class(self) -> type[smtplib.SMTP]:
        return _TellingSSL if self.use_ssl else _Telling


def hand_over(message: EmailMessage) -> None:
    """Hand a mail to one person over to the mail server, by a connection of its own.

    Raises:
        AwayError, UnsureError, DeclinedError: see there.

    """
    connection = get_connection()
    try:
        connection.open()
    except OSError as error:
        raise AwayError(repr(error)) from error
    message.connection = connection
    try:
        with _told(connection):
            message.send()
    finally:
        # Whatever it says now, the mail has its answer.
        with suppress(OSError):
            connection.close()


@contextmanager
def _told(connection: BaseEmailBackend) -> Iterator[None]:
    try:
        yield
    except smtplib.SMTPResponseException as error:
        raise _answered(error.smtp_code, repr(error)) from error
    except smtplib.SMTPRecipientsRefused as error:
        [(code, _)] = error.recipients.values()
        raise _answered(code, repr(error)) from error
    except smtplib.SMTPNotSupportedError as error:
        raise DeclinedError(repr(error), is_for_good=True) from error
    except OSError as error:
        smtp = getattr(connection, "connection", None)
        if isinstance(smtp, _Telling) and smtp.was_handing_over:
            raise UnsureError(repr(error)) from error
        raise AwayError(repr(error)) from error


def _answered(code: int, said: str) -> AwayError | DeclinedError:
    if code == _CLOSING:
        return AwayError(said)
    return DeclinedError(said, is_for_good=code >= _FOR_GOOD)
