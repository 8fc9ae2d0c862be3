"""Types of command line arguments: typed text is cleaned, as on the pages."""

from argparse import ArgumentTypeError

from portal.approvals import REASON_CHARACTERS
from portal.typed_text.clean import mail_address, one_line


def line(text: str) -> str:
    """Return a name or number as it is stored; refuse one that shows nothing."""
    return _shown(one_line(text))


def address(text: str) -> str:
    """Return a mail address as it is stored; refuse one that shows nothing."""
    return _shown(mail_address(text))


def reason(text: str) -> str:
    """Return a reason as it is stored; refuse one that is too long to store."""
    cleaned = one_line(text)
    if len(cleaned) > REASON_CHARACTERS:
        message = f"a reason has at most {REASON_CHARACTERS} characters"
        raise ArgumentTypeError(message)
    return cleaned


def exact(text: str) -> str:
    """Return a value that is looked up as it is; refuse what no database looks up."""
    try:
        text.encode()
    except UnicodeEncodeError as error:
        message = "this is not text in UTF-8"
        raise ArgumentTypeError(message) from error
    return text


def _shown(cleaned: str) -> str:
    if not cleaned:
        message = "this text is empty or has no visible characters"
        raise ArgumentTypeError(message)
    return cleaned
