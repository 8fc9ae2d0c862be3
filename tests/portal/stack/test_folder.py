"""The folder VAR: secrets that persist, settings that replace parts."""

import base64
import json
import os
import socket
import stat
import subprocess
import sys
from pathlib import Path

import pytest

from portal.stack import engines, folder, ports, settings

pytestmark = pytest.mark.plain

# Values without which the settings do not load.
NEEDED = {
    "SECRET_KEY": "only-in-a-test-0123456789-0123456789-0123456789-01",
    "MASTER_KEY": base64.b64encode(bytes(32)).decode(),
    "DATABASE_URL": "postgres://nobody@localhost/none",
    "BROKER_URL": "redis://localhost",
}

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


def mode_of(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


@pytest.mark.parametrize("before", [[], ["secrets.json", "mail", "beat-schedule.db"]])
def test_a_folder_that_was_open_to_all_is_closed(
    tmp_path: Path, before: list[str]
) -> None:
    for name in before:
        (tmp_path / name).touch()
    tmp_path.chmod(0o755)
    with folder.locked(tmp_path):
        assert mode_of(tmp_path) == 0o700


@pytest.mark.parametrize(
    ("names", "mode", "told"),
    [
        (["secrets.json", "letters.odt"], 0o755, "letters.odt"),
        ([".X11-unix"], 0o755, ".X11-unix"),
        ([], 0o1777, "sticky bit"),
    ],
)
def test_an_open_folder_with_things_of_others_is_refused_and_left_alone(
    tmp_path: Path, names: list[str], mode: int, told: str
) -> None:
    for name in names:
        (tmp_path / name).touch()
    tmp_path.chmod(mode)
    with (
        pytest.raises(folder.ExposedError, match=f"{told}.*chmod 700"),
        folder.locked(tmp_path),
    ):
        pass
    assert mode_of(tmp_path) == mode
    assert {path.name for path in tmp_path.iterdir()} == set(names)


@pytest.mark.parametrize(
    ("mode", "is_refused"),
    [(0o755, True), (0o701, True), (0o770, False), (0o700, False)],
)
def test_a_folder_of_another_user_may_be_open_to_its_group_alone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, mode: int, is_refused: bool
) -> None:
    tmp_path.chmod(mode)
    monkeypatch.setattr(os, "geteuid", lambda: tmp_path.stat().st_uid + 1)
    if is_refused:
        with pytest.raises(folder.ExposedError, match=r"another user.*chmod o-rwx"):
            folder.close_to_others(tmp_path)
    else:
        folder.close_to_others(tmp_path)
    assert mode_of(tmp_path) == mode


def test_a_folder_that_is_not_there_yet_is_not_made(tmp_path: Path) -> None:
    folder.close_to_others(tmp_path / "var")
    assert not (tmp_path / "var").exists()


@pytest.mark.parametrize(
    "command",
    [
        ["manage.py", "shell", "--no-imports", "-c", "open('{}', 'w')"],
        ["-c", "import portal.wsgi; open('{}', 'w')"],
        ["-c", "import portal.celery; open('{}', 'w')"],
        ["-c", "from portal.stack import commands, log;"
               "log.write = lambda _text: open('{}', 'w');"
               "commands.main(['draw-secrets'])"],
    ],
    ids=["manage.py", "wsgi", "celery", "stack"],
)  # fmt: skip
def test_every_program_of_the_portal_writes_for_its_user_alone(
    tmp_path: Path, command: list[str]
) -> None:
    var, written = tmp_path / "var", tmp_path / "written"
    var.mkdir()
    # Importing `portal.celery`, as other tests do, has changed the umask.
    var.chmod(0o755)
    done = subprocess.run(
        [sys.executable, *(word.format(written) for word in command)],
        cwd=engines.ROOT,
        env={**os.environ, "VAR": str(var), **NEEDED},
        umask=0o022,
        check=False,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    assert mode_of(written) == 0o600
    is_django_there = "commands" not in command[-1] and "celery" not in command[-1]
    assert mode_of(var) == (0o700 if is_django_there else 0o755)
