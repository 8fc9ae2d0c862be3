"""Delivers one mail by the configured backend, and returns the outcome.

`LATER` and `REFUSED` mean that the mail was certainly not taken. An `UNSURE` mail may
have been taken, and only a person can have it sent again.
"""

import logging
import smtplib
from dataclasses import dataclass
from enum import Enum

from django.core.mail import EmailMessage, get_connection

from portal.mail.file_backend import NotSentError
from portal.mail.smtp_backend import SmtpBackend

logger = logging.getLogger(__name__)

# Reply codes with which a mail server refuses: for now, and for good. `_CLOSING` can
# answer any command, and means that the server closes the connection.
_CLOSING = 421
_FOR_NOW = range(400, 500)
_FOR_GOOD = range(500, 600)

# The server took nothing, and would take no other mail now either.
AWAY = "mail-away"


class DeliveryOutcome(Enum):
    SENT = "sent"
    LATER = "later"
    REFUSED = "refused"
    UNSURE = "unsure"


@dataclass(frozen=True, slots=True)
class DeliveryResult:
    """The outcome, with the code of its reason; empty if the mail was sent."""

    outcome: DeliveryOutcome
    problem: str = ""

    @property
    def ends_run(self) -> bool:
        """True if the server did not answer: other mails would fail in the same way.

        Otherwise a server that hangs after each text would leave mail after mail
        unsure. A later run tries the next one.
        """
        return self.problem == AWAY or self.outcome is DeliveryOutcome.UNSURE


_SENT = DeliveryResult(DeliveryOutcome.SENT)
_AWAY = DeliveryResult(DeliveryOutcome.LATER, AWAY)
_CUT = DeliveryResult(DeliveryOutcome.UNSURE, "mail-cut")
_UNWRITABLE = DeliveryResult(DeliveryOutcome.REFUSED, "address-refused")


def deliver(message: EmailMessage) -> DeliveryResult:
    """Hand a mail to one recipient over by the backend that is configured.

    The SMTP backend records how far it got. With any other backend an exception leaves
    the mail unsure, unless it is `NotSentError`.
    """
    connection = get_connection()
    if isinstance(connection, SmtpBackend):
        return _deliver_by_smtp(connection, message)
    try:
        count = connection.send_messages([message])
    except NotSentError as error:
        logger.warning("A mail has to wait: %r", error)
        return _AWAY
    except Exception:
        logger.exception("Whether a mail was sent is not known")
        return _CUT
    return _SENT if count == 1 else _CUT


def _deliver_by_smtp(connection: SmtpBackend, message: EmailMessage) -> DeliveryResult:
    if not all(to.rpartition("@")[0].isascii() for to in message.recipients()):
        # Django would encode the part before the @ as in a header (RFC 2047), which
        # makes it another address.
        return _UNWRITABLE
    try:
        connection.open()
    except Exception as error:  # noqa: BLE001 - a server may answer anything at all
        logger.warning("The mail server is away: %r", error)
        connection.drop()
        return _AWAY
    try:
        return _hand_over(connection, message)
    finally:
        _hang_up(connection)


def _hand_over(connection: SmtpBackend, message: EmailMessage) -> DeliveryResult:
    try:
        connection.send_messages([message])
    except (OSError, smtplib.SMTPException) as error:
        result = _result_of(error, connection)
        why = result.problem
        logger.warning("A mail was not taken for certain (%s): %r", why, error)
        return result
    except ValueError as error:
        # An address that cannot be encoded (its domain has no form for the wire).
        logger.warning("A mail cannot be written to its address: %r", error)
        return _CUT if connection.is_in_text else _UNWRITABLE
    return _SENT


def _result_of(error: Exception, connection: SmtpBackend) -> DeliveryResult:
    codes = _codes_of(error)
    if _CLOSING in codes:
        return _AWAY
    if isinstance(error, smtplib.SMTPSenderRefused):
        return DeliveryResult(DeliveryOutcome.LATER, "sender-refused")
    if isinstance(error, smtplib.SMTPRecipientsRefused):
        return _refused("address-refused", codes)
    if isinstance(error, smtplib.SMTPNotSupportedError):
        # An address that this server does not support.
        return _UNWRITABLE
    if isinstance(error, smtplib.SMTPDataError):
        return _result_of_text(codes, connection)
    return _CUT if connection.is_in_text else _AWAY


def _result_of_text(codes: list[int], connection: SmtpBackend) -> DeliveryResult:
    if codes[0] in _FOR_NOW or codes[0] in _FOR_GOOD:
        return _refused("mail-refused", codes)
    # A reply that is not a refusal: the server may have accepted the mail.
    return _CUT if connection.has_begun_text else _AWAY


def _codes_of(error: Exception) -> list[int]:
    if isinstance(error, smtplib.SMTPRecipientsRefused):
        return [code for code, _ in error.recipients.values()]
    if isinstance(error, smtplib.SMTPResponseException):
        return [error.smtp_code]
    return []


def _refused(problem: str, codes: list[int]) -> DeliveryResult:
    if codes and all(code in _FOR_GOOD for code in codes):
        return DeliveryResult(DeliveryOutcome.REFUSED, problem)
    return DeliveryResult(DeliveryOutcome.LATER, f"{problem}-for-now")


def _hang_up(connection: SmtpBackend) -> None:
    try:
        connection.close()
    except (OSError, smtplib.SMTPException) as error:
        # The earlier reply to the mail stays valid.
        logger.info("The mail server hung up first: %r", error)
