"""Which files the Python sender takes to be closed, and which it deletes."""

import errno
import fcntl
import os
from collections.abc import Mapping
from http import HTTPStatus
from pathlib import Path
from typing import Any

import pytest

from usage.usg.client import closed_files
from usage.usg.client import send as send_module
from usage.usg.client.answers import Answer
from usage.usg.client.closed_files import ClosedFile, LeftFile, find_files
from usage.usg.client.http import Portal

pytestmark = pytest.mark.plain

DAY = 86400.0
NOW = 1_780_000_000.0


def put(folder: Path, name: str, content: bytes = b"x" * 50) -> Path:
    path = folder / name
    path.write_bytes(content)
    os.utime(path, (NOW - 9 * DAY, NOW - 9 * DAY))
    return path


# Locks


@pytest.mark.parametrize(
    ("code", "reason"),
    [
        (errno.EWOULDBLOCK, "it is locked"),
        (errno.EACCES, "it is locked"),
        (errno.ENOLCK, None),
        (errno.EOPNOTSUPP, None),
        (errno.EBADF, None),
    ],
)
def test_a_file_is_locked_only_if_somebody_holds_its_lock(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, code: int, reason: str | None
) -> None:
    put(tmp_path, "one.usg")

    def flock(_file: object, _operation: int) -> None:
        raise OSError(code, os.strerror(code))

    monkeypatch.setattr(fcntl, "flock", flock)
    (found,) = find_files(tmp_path, now=NOW)
    if reason is None:
        assert isinstance(found, ClosedFile)
    else:
        assert isinstance(found, LeftFile)
        assert found.reason == reason


# What is deleted


class ConfirmingPortal(Portal):
    """Confirms each file as stored in S3."""

    def send_json(self, method: str, path: str, document: Mapping[str, Any]) -> Answer:
        if not path.endswith("/files/check"):
            return Answer(HTTPStatus.OK, {"id": "one"})
        files = [
            {"is_needed": False, "file": {**one, "is_safe_to_delete": True}}
            for one in document["files"]
        ]
        return Answer(HTTPStatus.OK, {"files": files})


def removed(folder: Path) -> list[str]:
    lines: list[str] = []
    portal = ConfirmingPortal("https://portal.example", "token")
    code = send_module.send(portal, folder, now=NOW, report=lines.append, delete=True)
    assert code == 0
    return [line for line in lines if line.startswith(("deleted", "kept"))]


def test_a_file_that_is_safe_to_delete_is_deleted(tmp_path: Path) -> None:
    path = put(tmp_path, "one.usg")
    assert removed(tmp_path) == ["deleted: one.usg"]
    assert not path.exists()


def test_a_file_that_changes_while_it_is_hashed_is_kept(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = put(tmp_path, "one.usg")

    def hash_and_write(path: Path) -> str:
        digest = closed_files.hash_of(path)
        path.write_bytes(b"y" * 50)
        return digest

    monkeypatch.setattr(send_module, "hash_of", hash_and_write)
    assert removed(tmp_path) == ["kept, it has changed: one.usg"]
    assert path.read_bytes() == b"y" * 50
