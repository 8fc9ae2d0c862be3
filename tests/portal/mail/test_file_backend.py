"""Without a mail server every mail becomes a file, and the log names it."""

import email
import logging
from email import policy
from pathlib import Path
from typing import Any

import pytest
from django.core.mail import EmailMultiAlternatives, get_connection


def test_a_mail_becomes_a_file_that_the_log_names(
    settings: Any, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    settings.EMAIL_FILE_PATH = tmp_path / "mail"
    connection = get_connection("portal.mail.file_backend.FolderBackend")
    message = EmailMultiAlternatives(
        "Zwölf Dateien fehlen", "Text", "from@x.example", ["to@x.example"]
    )
    message.attach_alternative("<p>Text</p>", "text/html")
    with caplog.at_level(logging.INFO):
        assert connection.send_messages([message, message]) == 2
    first, second = sorted((tmp_path / "mail").iterdir())
    assert {first.suffix, second.suffix} == {".eml"}
    parsed = email.message_from_bytes(first.read_bytes(), policy=policy.default)
    assert parsed["Subject"] == "Zwölf Dateien fehlen"
    assert str(first) in caplog.text
