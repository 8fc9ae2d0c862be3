"""Receiving a file: size limit, hash while reading, durable before the answer."""

import os
from collections.abc import Iterator
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import pytest

from portal.db import unit_of_work
from portal.errors import Refused, Unavailable
from tests.builders import NOW, Company
from usage.files.names import shown_name
from usage.models import FileState, How, UsageFile
from usage.storage import store
from usage.uploads import receive
from usage.uploads.receive import IncomingFile

DAY = date(2026, 5, 7)


def arrival(company: Company, **changes: Any) -> IncomingFile:
    fields: dict[str, Any] = {
        "tenant_id": company.id,
        "name": "IC01.usg",
        "size": 4,
        "sha256": None,
        "how": How.API,
        "sent_by": "test",
        "received_at": NOW,
    }
    return IncomingFile(**{**fields, **changes})


def bytes_below(folder: Path) -> list[Path]:
    return [path for path in folder.rglob("*") if path.is_file()]


def test_bytes_and_row_are_there_when_it_returns(
    alice: Company, tmp_path: Path
) -> None:
    receipt = receive.receive(arrival(alice), iter([b"ab", b"cd"]))
    with unit_of_work.acting_for(alice.id):
        row = UsageFile.objects.get(pk=receipt.file_id)
    assert receipt.is_new
    assert row.state == FileState.RECEIVED
    assert row.received_at == NOW
    assert bytes(row.tail) == b"abcd"
    with store.opened(row.stored_as) as data:
        assert bytes(data) == b"abcd"
    assert len(bytes_below(tmp_path)) == 1


@pytest.mark.parametrize("cut", [0, 1, 3])
def test_of_a_cut_body_nothing_is_kept(
    alice: Company, tmp_path: Path, *, cut: int
) -> None:
    with pytest.raises(Refused) as refusal:
        receive.receive(arrival(alice), iter([b"abcd"[:cut]]))
    assert refusal.value.code == "body-cut"
    assert alice.files() == []
    assert bytes_below(tmp_path) == []


def test_of_more_than_was_announced_nothing_is_kept(
    alice: Company, tmp_path: Path
) -> None:
    with pytest.raises(Refused, match="digest-differs"):
        receive.receive(arrival(alice), iter([b"abcd", b"e"]))
    assert bytes_below(tmp_path) == []


def test_other_bytes_than_announced_are_not_kept(
    alice: Company, tmp_path: Path
) -> None:
    with pytest.raises(Refused, match="digest-differs"):
        receive.receive(arrival(alice, sha256=bytes(32)), iter([b"abcd"]))
    assert bytes_below(tmp_path) == []


def test_too_large_is_refused_before_a_byte_is_read(
    alice: Company, settings: Any
) -> None:
    def unread() -> Iterator[bytes]:
        yield pytest.fail("it was read")

    settings.MAX_FILE_BYTES = 3
    with pytest.raises(Refused, match="file-too-large"):
        receive.receive(arrival(alice), unread())


def test_the_same_content_has_one_row_and_one_file(
    alice: Company, tmp_path: Path
) -> None:
    first = receive.receive(arrival(alice), iter([b"abcd"]))
    second = receive.receive(arrival(alice, name="other.usg"), iter([b"abcd"]))
    assert second.file_id == first.file_id
    assert not second.is_new
    assert len(bytes_below(tmp_path)) == 1


def test_the_loser_of_a_race_leaves_no_bytes(
    alice: Company, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = receive.receive(arrival(alice), iter([b"abcd"]))
    # Both requests looked before either had written its row.
    monkeypatch.setattr(receive, "_find_kept", lambda *_: None)
    second = receive.receive(arrival(alice), iter([b"abcd"]))
    assert second == receive.ReceivedFile(first.file_id, is_new=False)
    assert len(bytes_below(tmp_path)) == 1


def test_two_tenants_may_have_the_same_content(
    alice: Company, charlie: Company
) -> None:
    one = receive.receive(arrival(alice), iter([b"abcd"]))
    other = receive.receive(arrival(charlie), iter([b"abcd"]))
    assert one.file_id != other.file_id
    assert other.is_new


def test_a_full_disk_is_ours_and_keeps_nothing(
    alice: Company, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: Any, **__: Any) -> None:
        raise OSError(28, os.strerror(28))

    monkeypatch.setattr(os, "link", full)
    with pytest.raises(Unavailable, match="storage-full"):
        receive.receive(arrival(alice), iter([b"abcd"]))
    assert alice.files() == []
    assert bytes_below(tmp_path) == []


def test_a_disk_that_fails_is_ours_too(
    alice: Company, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(_: int) -> None:
        raise OSError(5, os.strerror(5))

    monkeypatch.setattr(os, "fsync", broken)
    with pytest.raises(Unavailable, match="storage-broken"):
        receive.receive(arrival(alice), iter([b"abcd"]))


def test_bytes_are_synced_before_their_name_is_made(
    alice: Company, monkeypatch: pytest.MonkeyPatch
) -> None:
    order: list[str] = []
    for name in ("fsync", "link"):
        real = getattr(os, name)

        def noted(*args: Any, real: Any = real, name: str = name, **named: Any) -> Any:
            order.append(name)
            return real(*args, **named)

        monkeypatch.setattr(os, name, noted)
    receive.receive(arrival(alice), iter([b"abcd"]))
    # New folders are synced first, then the bytes, the name, the folder.
    assert order[-3:] == ["fsync", "link", "fsync"]


def test_a_received_file_never_changes_when_it_came(alice: Company) -> None:
    file, _ = alice.send(alice.server.day(DAY))
    with (
        pytest.raises(Exception, match="permission denied"),
        unit_of_work.acting_for(alice.id),
    ):
        UsageFile.objects.filter(pk=file.pk).update(received_at=NOW - timedelta(days=9))


@pytest.mark.parametrize(
    ("sent", "shown"),
    [
        ("IC01.usg", "IC01.usg"),
        ("cafe\u0301.usg", "caf\u00e9.usg"),
        ("..\\..\\windows\\CON.usg", "CON.usg"),
        ("../../etc/passwd", "passwd"),
        ("a\u202egsu.exe", "agsu.exe"),
        ("a\x00b\r\n.usg", "ab .usg"),
        ("  spaced.usg  ", "spaced.usg"),
        ("x" * 5000, "x" * 255),
        ("", "unnamed"),
        ("/", "unnamed"),
        ("\u200b\u202e", "unnamed"),
        ("\ud800.usg", ".usg"),
    ],
)
def test_a_name_is_a_label_that_can_be_shown(sent: str, shown: str) -> None:
    assert shown_name(sent) == shown


def test_bytes_on_their_way_have_no_name(alice: Company, tmp_path: Path) -> None:
    def watched() -> Iterator[bytes]:
        yield b"ab"
        assert bytes_below(tmp_path) == []
        yield b"cd"

    receive.receive(arrival(alice), watched())
    assert len(bytes_below(tmp_path)) == 1


def test_where_files_need_a_name_they_lose_it_again(
    alice: Company, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = os.open

    def without(path: Any, flags: int, *rest: Any, **named: Any) -> int:
        if flags & os.O_TMPFILE == os.O_TMPFILE:
            raise OSError(95, os.strerror(95))
        return real(path, flags, *rest, **named)

    monkeypatch.setattr(os, "open", without)
    receipt = receive.receive(arrival(alice), iter([b"abcd"]))
    assert receipt.is_new
    assert len(bytes_below(tmp_path)) == 1
