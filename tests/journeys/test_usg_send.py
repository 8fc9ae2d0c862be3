"""`python -m usage.usg send` delivers a directory as a server does each day."""

import fcntl
import json
import os
import socket
import ssl
import subprocess
import threading
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from urllib.request import Request, urlopen

import pytest

from portal.models import Scope
from portal.stack import ports
from tests.builders import Company
from tests.journeys.live_server import RunningPortal
from tests.journeys.stored_files import assert_rows_and_bytes_agree
from usage.forwarding import forward
from usage.models import FileState
from usage.storage import archive
from usage.usg.__main__ import main
from usage.usg.client import closed_files, http, needed
from usage.usg.client import send as client_send
from usage.usg.client.answers import Answer
from usage.usg.client.run_report import RunReport, version

pytestmark = pytest.mark.faults

FIRST = datetime.now(UTC).date() - timedelta(days=9)
LONG_AGO = datetime.now(UTC).timestamp() - 7200

Lines = list[str]


@pytest.fixture(autouse=True)
def _impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(http, "FIRST_WAIT", 0.01)


def put(folder: Path, name: str, data: bytes, *, at: float = LONG_AGO) -> Path:
    folder.mkdir(exist_ok=True)
    path = folder / name
    path.write_bytes(data)
    os.utime(path, (at, at))
    return path


@pytest.fixture
def folder(alice: Company, tmp_path: Path) -> Path:
    """Three days of a server that is known."""
    for number in range(3):
        day = FIRST + timedelta(days=number)
        put(tmp_path / "usage-dir", f"IC01 {day}.usg", alice.server.day(day))
    return tmp_path / "usage-dir"


class SendRunner:
    def __init__(
        self, tmp_path: Path, capsys: pytest.CaptureFixture[str], address: str
    ) -> None:
        self._file, self._capsys = tmp_path / "token", capsys
        self.address = address

    def send(self, folder: Path, token: str, *options: str) -> tuple[int, Lines]:
        self._file.write_text(f"{token}\n")
        arguments = ["send", str(folder), "--to", self.address]
        code = main([*arguments, "--token-file", str(self._file), *options])
        return code, self._capsys.readouterr().out.splitlines()


@pytest.fixture
def sender(
    live_portal: RunningPortal, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> SendRunner:
    return SendRunner(tmp_path, capsys, live_portal.address)


def verdicts(lines: Lines) -> list[str]:
    return [line.partition(":")[0] for line in lines if not line.startswith(" ")]


def test_what_is_needed_is_sent_and_nothing_twice(
    sender: SendRunner, alice: Company, folder: Path, tmp_path: Path
) -> None:
    put(folder, "notes.txt", b"no usage file")
    (folder / "link.usg").symlink_to(folder / "notes.txt")
    code, lines = sender.send(folder, alice.token)
    # A link that is called like a usage file is named, and not followed.
    assert (code, verdicts(lines)) == (0, ["skipped", *["accepted"] * 3])
    code, lines = sender.send(folder, alice.token)
    assert (code, verdicts(lines)) == (0, ["skipped", *["already here"] * 3])
    assert_rows_and_bytes_agree(alice, tmp_path)


def test_each_run_is_listed_with_the_name_of_its_server(
    sender: SendRunner, alice: Company, folder: Path
) -> None:
    put(folder, "damaged.usg", b"no usage file".ljust(500))
    for _ in range(2):
        assert sender.send(folder, alice.token, "--machine", "IC01\n")[0] == 1
    headers = {"Authorization": f"Bearer {alice.token}"}
    request = Request(f"{sender.address}/api/v1/uploads", headers=headers)
    with urlopen(request, timeout=30) as answer:
        last, first = json.load(answer)["uploads"]
    for one in (first, last):
        assert (one["machine"], one["version"]) == ("IC01", version())
        assert (one["sent_from"], one["files"]) == (ports.LOOPBACK, 4)
        assert one["ended_at"] is not None
    assert first["counts"] == {"accepted": 3, "rejected": 1}
    assert last["counts"] == {"already here": 3, "rejected": 1}


def test_a_file_whose_name_is_no_text_arrives_with_the_others(
    sender: SendRunner, alice: Company, folder: Path
) -> None:
    names = [b"IC01_\xff.usg", b"IC01_\n.usg", "IC01_\u202egsu.usg".encode()]
    for number, name in enumerate([*names, b"x" * 251 + b".usg"], start=3):
        data = alice.server.day(FIRST + timedelta(days=number))
        put(folder, os.fsdecode(name), data)
    code, lines = sender.send(folder, alice.token)
    assert (code, verdicts(lines)) == (0, ["accepted"] * 7)
    assert "accepted: IC01_\ufffd.usg" in lines
    code, lines = sender.send(folder, alice.token)
    assert (code, verdicts(lines)) == (0, ["already here"] * 7)


def test_each_verdict_has_its_exit_code(
    sender: SendRunner, alice: Company, folder: Path
) -> None:
    stranger = alice.writer("IC77")
    put(folder, "IC77.usg", stranger.day(FIRST))
    code, lines = sender.send(folder, alice.token)
    assert code == 3
    assert "held: IC77.usg" in lines
    # It is with the portal, and still held.
    assert sender.send(folder, alice.token)[0] == 3
    damaged = bytearray(alice.server.day(FIRST + timedelta(days=3)))
    damaged[-1] ^= 1
    put(folder, "damaged.usg", bytes(damaged))
    code, lines = sender.send(folder, alice.token)
    assert code == 1
    assert "rejected: damaged.usg" in lines
    assert lines[lines.index("rejected: damaged.usg") + 1].startswith("  ")


def test_what_is_still_written_is_left(
    sender: SendRunner, alice: Company, folder: Path
) -> None:
    data = alice.server.day(FIRST + timedelta(days=3))
    now = datetime.now(UTC).timestamp()
    put(folder, "fresh.usg", data, at=now)
    put(folder, "half.usg", data[: len(data) // 2])
    put(folder, "begun.usg", b"")
    locked = put(folder, "locked.usg", data)
    with locked.open("rb") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        code, lines = sender.send(folder, alice.token)
    assert code == 0
    assert [line for line in lines if line.startswith("left")] == [
        "left for next time: begun.usg (it is not complete yet)",
        "left for next time: fresh.usg (it changed less than 2 minutes ago)",
        "left for next time: half.usg (it is not complete yet)",
        "left for next time: locked.usg (it is locked)",
    ]
    # A file that has been half for days is cut: the portal says so.
    put(folder, "half.usg", data[: len(data) // 2], at=LONG_AGO - 2 * 86400)
    code, lines = sender.send(folder, alice.token)
    assert code == 1
    assert "rejected: half.usg" in lines
    assert "accepted: locked.usg" in lines


def test_only_what_lies_in_s3_is_deleted(
    sender: SendRunner, alice: Company, folder: Path
) -> None:
    archive.prepare()
    _, lines = sender.send(folder, alice.token, "--delete-safe")
    assert verdicts(lines) == ["accepted"] * 3
    forward.forward_waiting(now=lambda: datetime.now(UTC))
    names = sorted(path.name for path in folder.iterdir())
    code, lines = sender.send(folder, alice.token, "--delete-safe")
    rest = [line for line in lines if not line.startswith("already")]
    assert rest == [f"safe to delete: {names[0]}", f"deleted: {names[0]}"]
    assert code == 0
    assert sorted(path.name for path in folder.iterdir()) == names[1:]


def test_what_changes_before_it_is_deleted_is_kept(
    sender: SendRunner,
    alice: Company,
    folder: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    archive.prepare()
    sender.send(folder, alice.token)
    while forward.forward_waiting(now=lambda: datetime.now(UTC)):
        pass
    names = sorted(path.name for path in folder.iterdir())

    def check_and_change(*arguments: Any) -> Any:
        found = list(needed.check(*arguments))
        # Same size, same time: only its content tells.
        data = (folder / names[0]).read_bytes()
        put(folder, names[0], data[:-1] + b"!")
        (folder / names[1]).unlink()
        monkeypatch.undo()
        return found

    portal = http.Portal(sender.address, alice.token)
    looked = closed_files.find_files(folder, now=LONG_AGO + 7200)
    found = [one for one in looked if isinstance(one, closed_files.ClosedFile)]
    monkeypatch.setattr(client_send, "check", check_and_change)
    said: Lines = []
    run = client_send._DeliveryRun(portal, said.append, RunReport(portal, ""))
    run._remove_safe(found)
    assert said[3:] == [
        f"kept, it has changed: {names[0]}",
        f"kept, it has changed: {names[1]}",
        f"deleted: {names[2]}",
    ]
    assert [path.name for path in folder.iterdir()] == [names[0]]


def test_charlies_token_gets_and_deletes_nothing_of_alices(
    sender: SendRunner, alice: Company, charlie: Company, folder: Path
) -> None:
    archive.prepare()
    sender.send(folder, alice.token)
    while forward.forward_waiting(now=lambda: datetime.now(UTC)):
        pass
    code, lines = sender.send(folder, charlie.token, "--delete-safe")
    assert code == 1
    assert verdicts(lines) == ["rejected"] * 3
    assert len(list(folder.iterdir())) == 3
    assert {file.state for file in charlie.files()} == {FileState.REJECTED}


def test_a_token_that_lets_nobody_in_is_told_and_not_shown(
    sender: SendRunner, folder: Path
) -> None:
    code, lines = sender.send(folder, "usg_wrong")
    assert code == 1
    assert lines[0].startswith("refused: This API token is not valid.")
    assert "usg_wrong" not in " ".join(lines)


def test_the_token_may_stand_in_the_environment(
    sender: SendRunner, alice: Company, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    arguments = ["send", str(folder), "--to", sender.address]
    monkeypatch.delenv("USG_TOKEN", raising=False)
    assert main(arguments) == 1
    monkeypatch.setenv("USG_TOKEN", alice.token)
    assert main(arguments) == 0


class CuttingProxy(threading.Thread):
    """Stands before the portal; passes requests on and cuts the first answers."""

    def __init__(self, port: int, cuts: int) -> None:
        super().__init__(daemon=True)
        self._port, self.cuts = port, cuts
        self._server = socket.create_server((ports.LOOPBACK, 0))
        self.address = f"http://{ports.LOOPBACK}:{self._server.getsockname()[1]}"

    def run(self) -> None:
        while True:
            try:
                client, _ = self._server.accept()
            except OSError:
                return
            with (
                client,
                socket.create_connection((ports.LOOPBACK, self._port)) as portal,
            ):
                there = threading.Thread(
                    target=self._pass, args=(client, portal), daemon=True
                )
                there.start()
                while data := portal.recv(65_536):
                    if self.cuts > 0:
                        self.cuts -= 1
                        # Closing alone would wait for the thread that reads.
                        client.shutdown(socket.SHUT_RDWR)
                        break
                    client.sendall(data)

    def _pass(self, source: socket.socket, target: socket.socket) -> None:
        try:
            while data := source.recv(65_536):
                target.sendall(data)
            target.shutdown(socket.SHUT_WR)
        except OSError:
            return

    def end(self) -> None:
        self._server.close()


@pytest.fixture
def cutting(live_portal: RunningPortal) -> Iterator[CuttingProxy]:
    made = CuttingProxy(live_portal.port, cuts=3)
    made.start()
    yield made
    made.end()


def test_answers_that_are_lost_are_asked_for_again(
    sender: SendRunner,
    cutting: CuttingProxy,
    alice: Company,
    folder: Path,
    tmp_path: Path,
) -> None:
    sender.address = cutting.address
    code, lines = sender.send(folder, alice.token)
    assert code == 0
    assert cutting.cuts == 0
    # The first was accepted, and its answer lost: it is here already.
    assert set(verdicts(lines)) <= {"accepted", "already here"}
    assert len(lines) == 3
    assert_rows_and_bytes_agree(alice, tmp_path)


def test_a_portal_that_is_away_is_left_for_next_time(
    sender: SendRunner, alice: Company, folder: Path
) -> None:
    sender.address = f"http://{ports.LOOPBACK}:{ports.find_free()}"
    code, lines = sender.send(folder, alice.token, "--delete-safe")
    assert code == 4
    assert lines == [
        "not delivered: [Errno 111] Connection refused",
        *(f"not sent: {path.name}" for path in sorted(folder.iterdir())),
    ]


@pytest.mark.parametrize(
    "address", ["http://portal.example", "portal.example", "ftp://x"]
)
def test_a_token_does_not_go_in_the_clear(
    sender: SendRunner, folder: Path, address: str, capsys: pytest.CaptureFixture[str]
) -> None:
    sender.address = address
    assert main(["send", str(folder), "--to", address, "--token-file", __file__]) == 1
    assert "begins with https://" in capsys.readouterr().err


@pytest.mark.parametrize(
    "address",
    [
        "https://me:quince-secret@portal.example",
        "https://portal.example?tenant=7",
        "https://portal.example/#files",
    ],
)
def test_an_address_with_parts_that_nothing_would_use_is_refused(
    folder: Path, address: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["send", str(folder), "--to", address, "--token-file", __file__]) == 1
    told = capsys.readouterr().err
    assert "no user, no password" in told
    assert "quince-secret" not in told


def test_a_certificate_that_nobody_vouches_for_is_refused(
    sender: SendRunner, alice: Company, folder: Path, tmp_path: Path
) -> None:
    key, certificate = tmp_path / "tls.key", tmp_path / "tls.pem"
    subprocess.run(
        [
            *("openssl", "req", "-x509", "-newkey", "ed25519", "-nodes", "-days", "1"),
            *("-subj", "/CN=127.0.0.1", "-addext", "subjectAltName=IP:127.0.0.1"),
            *("-keyout", str(key), "-out", str(certificate)),
        ],
        check=True,
        capture_output=True,
    )
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, key)
    received: list[bytes] = []

    def serve(server: socket.socket) -> None:
        with context.wrap_socket(server, server_side=True) as listening:
            try:
                received.append(listening.accept()[0].recv(100))
            except OSError:
                return

    server = socket.create_server((ports.LOOPBACK, 0))
    sender.address = f"https://{ports.LOOPBACK}:{server.getsockname()[1]}"
    thread = threading.Thread(target=serve, args=(server,), daemon=True)
    thread.start()
    code, lines = sender.send(folder, alice.token)
    assert code == 4
    assert lines[0].startswith("not delivered: the certificate is not trusted")
    thread.join(10)
    assert received == []


class BusyServer(threading.Thread):
    """Says once that it is busy, for two seconds; then it has the answer."""

    def __init__(self, status: str) -> None:
        super().__init__(daemon=True)
        self._status = status
        self._server = socket.create_server((ports.LOOPBACK, 0))
        self.address = f"http://{ports.LOOPBACK}:{self._server.getsockname()[1]}"

    def run(self) -> None:
        for head in (f"{self._status}\r\nRetry-After: 2", "401 No"):
            client, _ = self._server.accept()
            with client:
                client.recv(65_536)
                client.sendall(
                    f"HTTP/1.1 {head}\r\nContent-Length: 2\r\n\r\n{{}}".encode()
                )
        self._server.close()


@pytest.mark.parametrize("status", ["503 Busy", "429 Too Many Requests"])
def test_who_is_asked_to_wait_waits(status: str) -> None:
    busy = BusyServer(status)
    busy.start()
    started = datetime.now(UTC)
    answer = http.Portal(busy.address, "usg_x").send_json("POST", "/x", {})
    assert answer.status == 401
    assert datetime.now(UTC) - started >= timedelta(seconds=1.4)


def test_an_expired_token_is_named_and_ends_the_run(
    sender: SendRunner, alice: Company, folder: Path
) -> None:
    token = alice.issue(Scope.UPLOAD, lasts=timedelta(days=1))
    code, lines = sender.send(folder, token)
    assert code == 1
    assert lines[0].startswith("refused: This API token has expired. A tenant admin")
    assert verdicts(lines[1:]) == ["not sent"] * 3
    # Nothing is lost: the next run with another token sends all.
    assert sender.send(folder, alice.token)[0] == 0


def test_files_that_wait_for_a_decision_end_the_run_and_it_is_reported(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    sent: list[str] = []

    def answer(_: http.Portal, method: str, path: str, *__: Any, **___: Any) -> Answer:
        sent.append(f"{method} {path}")
        if path.endswith("/check"):
            return Answer(200, {"files": [{"is_needed": True}] * 3})
        if path.endswith("/report"):
            return Answer(200, {"code": ""})
        full = {"code": "quota-full", "title": "Too many files.", "advice": "Decide."}
        return Answer(507, full)

    monkeypatch.setattr(http.Portal, "patiently", answer)
    lines: list[str] = []
    code = client_send.send(
        http.Portal("http://127.0.0.1:1", "usg_x"),
        folder,
        now=datetime.now(UTC).timestamp(),
        report=lines.append,
        delete=False,
    )
    assert code == 4
    assert lines[0] == "not delivered: Too many files. Decide."
    assert sum(one.startswith("PUT /api/v1/files/") for one in sent) == 1
    assert any(one.endswith("/report") for one in sent)
