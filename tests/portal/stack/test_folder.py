"""The folder VAR: secrets that persist, settings that replace parts."""

import base64
import json
import socket
import stat
from pathlib import Path

import pytest

from portal.stack import engines, folder, ports, settings

pytestmark = pytest.mark.plain

AT = settings.Ports(web=1, database=2, broker=3, store=4)


def test_secrets_are_drawn_once(tmp_path: Path) -> None:
    first = settings.load_secrets(tmp_path)
    assert settings.load_secrets(tmp_path) == first
    assert len(base64.b64decode(first.master_key)) == settings.MASTER_KEY_BYTES
    mode = (tmp_path / folder.SECRETS_FILE).stat().st_mode
    assert stat.S_IMODE(mode) == folder.PRIVATE_FILE


def test_a_secret_added_later_leaves_the_others(tmp_path: Path) -> None:
    path = tmp_path / folder.SECRETS_FILE
    first = settings.load_secrets(tmp_path)
    older = folder.read_private(path)
    del older["broker_password"]
    folder.write_private(path, older)
    assert settings.load_secrets(tmp_path).master_key == first.master_key


@pytest.mark.parametrize("damage", ["", '{"master_key": "abc', "[]"])
def test_damaged_secrets_are_never_replaced(tmp_path: Path, damage: str) -> None:
    settings.load_secrets(tmp_path)
    (tmp_path / folder.SECRETS_FILE).write_text(damage)
    with pytest.raises(folder.UnreadableError, match="backup"):
        settings.load_secrets(tmp_path)
    assert (tmp_path / folder.SECRETS_FILE).read_text() == damage


def test_a_failed_write_leaves_the_old_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "x.json"
    folder.write_private(path, {"a": "1"})

    def fail(*_: object) -> None:
        raise OSError

    monkeypatch.setattr("os.fsync", fail)
    with pytest.raises(OSError):  # noqa: PT011 - raised above
        folder.write_private(path, {"a": "2"})
    assert json.loads(path.read_text()) == {"a": "1"}
    assert [file.name for file in tmp_path.iterdir()] == ["x.json"]


def test_a_folder_has_one_holder_and_tells_how_the_last_one_left(
    tmp_path: Path,
) -> None:
    with (
        folder.locked(tmp_path) as after_crash,
        pytest.raises(folder.AlreadyRunningError, match="process"),
        folder.locked(tmp_path),
    ):
        pass
    assert not after_crash
    (tmp_path / folder.LOCK_FILE).write_text("4711\n")
    with folder.locked(tmp_path) as after_crash:
        assert after_crash
    with folder.locked(tmp_path) as after_crash:
        assert not after_crash


@pytest.mark.parametrize(
    ("given", "replaced"),
    [
        ({}, set()),
        ({"BROKER_URL": "redis://b"}, {"broker"}),
        ({"S3_BUCKET": "mine"}, {"store"}),
        (
            {"DATABASE_URL": "postgres://a", "DATABASE_OWNER_URL": "postgres://o"},
            {"db"},
        ),
    ],
)
def test_the_environment_replaces_parts_one_by_one(
    tmp_path: Path, given: dict[str, str], replaced: set[str]
) -> None:
    ours = {
        "db": settings.is_database_ours(given),
        "broker": settings.is_broker_ours(given),
        "store": settings.is_store_ours(given),
    }
    assert {name for name, is_ours in ours.items() if not is_ours} == replaced
    values = settings.describe_parts(settings.load_secrets(tmp_path), AT, given)
    assert given.items() <= values.items()
    # None of our own store's keys may be sent to somebody else's.
    assert ("S3_SECRET_ACCESS_KEY" in values) == ours["store"]


def test_half_a_database_is_refused() -> None:
    with pytest.raises(settings.IncompleteError, match="DATABASE_OWNER_URL"):
        settings.is_database_ours({"DATABASE_URL": "postgres://a"})


def test_ports_stay_as_they_are_while_they_are_free(tmp_path: Path) -> None:
    first = engines.make_plan(tmp_path, web_port=1, environment={})
    folder.write_private(tmp_path / folder.PARTS_FILE, first.values)
    again = engines.make_plan(tmp_path, web_port=1, environment={})
    assert again.ports == first.ports
    with socket.create_server((ports.LOOPBACK, first.ports.database)):
        moved = engines.make_plan(tmp_path, web_port=1, environment={})
    assert moved.ports.database != first.ports.database
    assert moved.ports.broker == first.ports.broker


def test_a_full_machine_is_explained(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ports, "is_free", lambda _port: False)
    with pytest.raises(ports.NoFreePortError):
        ports.find_free()
