"""Email backend that writes files, for an installation without a mail server."""

import logging
import os
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from uuid import uuid4

from django.conf import settings
from django.core.mail import EmailMessage
from django.core.mail.backends.base import BaseEmailBackend

from portal.stack import folder

logger = logging.getLogger(__name__)


def mail_folder() -> Path | None:
    """Return the folder that mails are written to, or None with a mail server."""
    is_folder = f"{__name__}.{FolderBackend.__name__}" == settings.EMAIL_BACKEND
    return Path(settings.EMAIL_FILE_PATH) if is_folder else None


class NotSentError(OSError):
    """A backend has certainly not sent the mail."""


class FolderBackend(BaseEmailBackend):
    """Writes each mail to `EMAIL_FILE_PATH` as an .eml file and names it in the log.

    Mails contain links for new passwords, so only the portal's user can read them.
    """

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self._folder = Path(settings.EMAIL_FILE_PATH)

    def send_messages(self, email_messages: Sequence[EmailMessage]) -> int:
        try:
            return self._write(email_messages)
        except OSError as error:
            # The mail that failed has left no complete file.
            message = f"No mail can be written to {self._folder}: {error}"
            raise NotSentError(message) from error

    def _write(self, email_messages: Sequence[EmailMessage]) -> int:
        self._folder.mkdir(mode=folder.PRIVATE_FOLDER, parents=True, exist_ok=True)
        # An older version has made it for everybody.
        self._folder.chmod(folder.PRIVATE_FOLDER)
        for message in email_messages:
            stamp = datetime.now(UTC).strftime("%Y%m%dT%H%M%S")
            path = self._folder / f"{stamp}-{uuid4().hex[:8]}.eml"
            unfinished = path.with_suffix(".part")
            unfinished.touch(mode=folder.PRIVATE_FILE, exist_ok=False)
            unfinished.write_bytes(message.message().as_bytes())
            os.replace(unfinished, path)  # noqa: PTH105 - readers see whole mails only
            logger.info("wrote mail %r to %s", message.subject, path)
        return len(email_messages)
