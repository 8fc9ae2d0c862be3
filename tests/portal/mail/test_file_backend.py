"""Without a mail server every mail becomes a file, and the log names it."""

import email
import logging
import os
import stat
from collections.abc import Iterator
from email import policy
from pathlib import Path
from typing import Any

import pytest
from django.core.mail import EmailMessage, EmailMultiAlternatives, get_connection


@pytest.fixture
def usual_umask() -> Iterator[None]:
    before = os.umask(0o022)
    yield
    os.umask(before)


def test_only_the_portals_user_can_read_a_mail(
    settings: Any, tmp_path: Path, usual_umask: None
) -> None:
    settings.EMAIL_FILE_PATH = tmp_path / "mail"
    settings.EMAIL_FILE_PATH.mkdir(mode=0o755)
    connection = get_connection("portal.mail.file_backend.FolderBackend")
    connection.send_messages([EmailMessage("Link", "Text", to=["to@x.example"])])
    [mail] = settings.EMAIL_FILE_PATH.iterdir()
    assert stat.S_IMODE(settings.EMAIL_FILE_PATH.stat().st_mode) == 0o700
    assert stat.S_IMODE(mail.stat().st_mode) == 0o600


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
