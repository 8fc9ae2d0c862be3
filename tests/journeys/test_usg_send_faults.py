"""`usage.usg send` with faults around it: kills, wrong clocks, full disks, two at once.

Where the sender is killed it runs as servers run it, from a fresh copy of its file.
"""

import fcntl
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest

from tests.journeys import scripted_portal
from tests.journeys.live_server import wait_for
from tests.journeys.scripted_portal import Reply, Script
from usage.sender.package import sender_file
from usage.usg.client import http, run_log
from usage.usg.client.exit_codes import ExitCode
from usage.usg.client.one_run import lock_run, mutex_name
from usage.usg.client.run_log import RunLog
from usage.usg.client.run_report import HERE, RunReport, version
from usage.usg.client.send import send

pytestmark = pytest.mark.faults

NOW = datetime(2026, 6, 1, 9, tzinfo=UTC).timestamp()
DAY = 86400
NAMES = ["IC01_1.usg", "IC01_2.usg", "IC01_3.usg"]
Lines = list[str]


@dataclass
class CountingScript(Script):
    """Counts all requests, and calls `at` with the number, before or after each.

    `twice` has the names of files that were sent although their content was accepted.
    """

    at: Callable[[int, bool], object] = field(default=lambda _number, _is_done: None)
    count: int = 0
    twice: list[str] = field(default_factory=list)

    def reply(self, name: str, content: bytes) -> Reply:
        self.count += 1
        number = self.count
        if sha256(content).hexdigest() in self.accepted.values():
            self.twice.append(name)
        self.at(number, False)
        answer = super().reply(name, content)
        self.at(number, True)
        return answer


@pytest.fixture(autouse=True)
def _impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(http, "FIRST_WAIT", 0.01)
    monkeypatch.setattr(http, "LONGEST_WAIT", 0.02)


@pytest.fixture
def script() -> Iterator[CountingScript]:
    made = CountingScript()
    with scripted_portal.running(made):
        yield made


def put(folder: Path, name: str, *, at: float = NOW - 9 * DAY) -> Path:
    path = folder / name
    path.write_bytes(name.encode().ljust(2_000))
    os.utime(path, (at, at))
    return path


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "usage").mkdir()
    for name in NAMES:
        put(tmp_path / "usage", name)
    return tmp_path / "usage"


def run(script: Script, folder: Path, *, now: float = NOW) -> tuple[int, Lines]:
    said: Lines = []
    portal = http.Portal(script.address, "usg_x")
    code = send(
        portal, folder, now=now, report=said.append, delete=False, machine="IC01"
    )
    return code, said


def start(
    script: Script, folder: Path, copy: Path, *options: str, **more: Any
) -> subprocess.Popen[str]:
    """Start a fresh copy of the sender, as a server does."""
    copy.mkdir(exist_ok=True)
    program = copy / "usage-sender.pyz"
    program.write_bytes(sender_file(script.address))
    return subprocess.Popen(
        [sys.executable, "-I", "-S", str(program), "send", str(folder), *options],
        env={"USG_TOKEN": "usg_x"},
        text=True,
        **{"stdout": subprocess.PIPE, "stderr": subprocess.STDOUT, **more},
    )


# Kills and fresh copies


@pytest.mark.parametrize(
    ("is_done", "numbers"), [(False, (1, 2, 3)), (True, (1, 3, 4, 6))]
)
def test_a_run_that_is_killed_at_any_request_is_completed_by_the_next(
    script: CountingScript,
    folder: Path,
    tmp_path: Path,
    *,
    is_done: bool,
    numbers: tuple[int, ...],
) -> None:
    # The requests of a run: check, report, three files, report. A request is lost, or
    # its answer is.
    for number in numbers:
        script.accepted.clear()
        script.count = 0
        processes: list[subprocess.Popen[str]] = []

        def kill(
            at: int,
            is_after: bool,
            killed: list[subprocess.Popen[str]] = processes,
            wanted: int = number,
        ) -> None:
            if (at, is_after) == (wanted, is_done):
                killed[0].send_signal(signal.SIGKILL)
                killed[0].wait(10)

        script.at = kill
        processes.append(start(script, folder, tmp_path / "copy"))
        assert processes[0].wait(30) == -signal.SIGKILL
        processes[0].communicate()
        script.at = lambda _number, _is_done: None
        before = set(script.accepted)
        code, lines = run(script, folder)
        assert code == ExitCode.ACCEPTED
        assert lines == [
            *(f"already here: {name}" for name in NAMES if name in before),
            *(f"accepted: {name}" for name in NAMES if name not in before),
        ]
        assert sorted(script.accepted) == NAMES
    assert script.twice == []


def test_a_fresh_copy_sends_nothing_twice(
    script: CountingScript, folder: Path, tmp_path: Path
) -> None:
    printed = []
    for copy in ("first", "second"):
        process = start(script, folder, tmp_path / copy)
        said, _ = process.communicate(timeout=30)
        assert process.returncode == 0, said
        printed.append(said.splitlines())
    assert printed[1] == [f"already here: {name}" for name in NAMES]
    assert script.twice == []
    assert all(script.asked[name] == 1 for name in NAMES)
    # Neither leaves anything in the usage directory.
    assert sorted(path.name for path in folder.iterdir()) == NAMES


# One run at a time


def test_of_two_runs_the_second_ends_without_an_error(
    script: CountingScript, folder: Path, tmp_path: Path
) -> None:
    script.held.add(NAMES[0])
    process = start(script, folder, tmp_path / "copy")
    assert wait_for(lambda: script.asked[NAMES[0]] == 1)
    count = script.count
    code, lines = run(script, folder)
    assert code == ExitCode.ACCEPTED
    assert lines == ["another run sends this directory; this one ends"]
    assert script.count == count
    # Another directory has nothing to do with it.
    (tmp_path / "other").mkdir()
    assert run(script, tmp_path / "other") == (ExitCode.ACCEPTED, [])
    script.hold.set()
    said, _ = process.communicate(timeout=30)
    assert process.returncode == 0
    assert said.splitlines() == [f"accepted: {name}" for name in NAMES]


def test_without_locks_of_the_file_system_every_run_sends(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object) -> None:
        raise OSError(95, "Operation not supported")

    monkeypatch.setattr(fcntl, "flock", refuse)
    with lock_run(folder) as first, lock_run(folder) as second:
        assert (first, second) == (True, True)


def test_the_mutex_of_windows_is_named_by_the_directory() -> None:
    # The script computes the same: SHA-256 of the path in lower case, 32 digits.
    digest = sha256(b"/srv/usage").hexdigest()[:32]
    for path in ("/srv/usage", "/srv/Usage/", "/srv/x/../usage"):
        assert mutex_name(Path(path)) == f"Global\\usage-sender-{digest}"


# Files


def test_a_metadata_file_of_macos_is_skipped_and_listed(
    script: Script, folder: Path
) -> None:
    put(folder, "._IC01_1.usg")
    code, lines = run(script, folder)
    assert code == ExitCode.ACCEPTED
    assert lines[0] == "skipped: ._IC01_1.usg (it is a metadata file of macOS)"
    assert sorted(script.accepted) == NAMES


def test_a_file_that_grows_after_it_was_hashed_is_left_and_the_others_arrive(
    script: CountingScript, folder: Path
) -> None:
    def grow(number: int, _is_done: object) -> None:
        if number == 1:
            with (folder / NAMES[0]).open("ab") as file:
                file.write(b"more")

    script.at = grow
    code, lines = run(script, folder)
    assert code == ExitCode.ACCEPTED
    assert lines[0] == f"left for next time: {NAMES[0]} (it is being written)"
    assert sorted(script.accepted) == NAMES[1:]
    (item,) = (one for one in script.reports[-1]["items"] if one["name"] == NAMES[0])
    assert (item["outcome"], item["code"]) == ("unreadable", "unreadable-changed")


@pytest.mark.parametrize("years", [-9, 9])
def test_files_are_sent_by_a_server_whose_clock_is_years_off(
    script: Script, folder: Path, years: int
) -> None:
    code, lines = run(script, folder, now=NOW + years * 365 * DAY)
    assert (code, lines) == (0, [f"accepted: {name}" for name in NAMES])


def test_a_file_dated_seconds_ahead_of_the_clock_is_left(
    script: Script, folder: Path
) -> None:
    put(folder, "ahead.usg", at=NOW + 60)
    code, lines = run(script, folder)
    assert (code, lines[0]) == (
        0,
        "left for next time: ahead.usg (it changed less than 2 minutes ago)",
    )


# The log


def test_the_log_has_each_line_with_its_time_and_is_renamed_when_it_is_large(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(run_log, "LARGEST_LOG", 50)
    path = tmp_path / "sender.log"
    at = datetime(2026, 6, 1, 9, tzinfo=UTC)
    RunLog(path, lambda: at)("accepted: IC01_\u20ac.usg" + "x" * 40)
    log = RunLog(path, lambda: at)
    log("accepted: IC02.usg")
    local = at.astimezone().isoformat(sep=" ", timespec="seconds")
    assert path.read_text(encoding="utf-8") == f"{local} accepted: IC02.usg\n"
    older = path.with_name("sender.log.1").read_text(encoding="utf-8")
    assert older.startswith(f"{local} accepted: IC01_\u20ac.usg")
    assert capsys.readouterr().out.endswith("accepted: IC02.usg\n")


def test_a_log_on_a_full_disk_is_named_once_and_ends_no_run(
    script: Script, folder: Path, tmp_path: Path
) -> None:
    process = start(script, folder, tmp_path / "copy", "--log", "/dev/full")
    said, _ = process.communicate(timeout=30)
    assert process.returncode == 0
    assert said.splitlines() == [
        f"accepted: {NAMES[0]}",
        "no log: No space left on device",
        *(f"accepted: {name}" for name in NAMES[1:]),
    ]


def test_an_output_on_a_full_disk_ends_no_run(
    script: Script, folder: Path, tmp_path: Path
) -> None:
    with Path("/dev/full").open("w", encoding="utf-8") as full:
        process = start(
            *(script, folder, tmp_path / "copy", "--log", str(tmp_path / "log")),
            stdout=full,
            stderr=subprocess.PIPE,
        )
        _, errors = process.communicate(timeout=30)
    assert (process.returncode, errors) == (0, "")
    assert sorted(script.accepted) == NAMES
    lines = (tmp_path / "log").read_text(encoding="utf-8").splitlines()
    assert [line.partition(" accepted: ")[2] for line in lines] == NAMES


# The report of a run


def test_a_run_is_reported_with_the_name_of_the_server(
    script: Script, folder: Path
) -> None:
    (folder / "old-link.usg").symlink_to(folder / NAMES[0])
    locked = put(folder, "locked.usg")
    put(folder, "fresh.usg", at=NOW)
    with locked.open("rb") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        run(script, folder)
    first, last = script.reports
    python = f"{sys.version_info.major}.{sys.version_info.minor}"
    assert version().endswith(f" Python {python}")
    for report in (first, last):
        assert (report["machine"], report["version"]) == ("IC01", version())
        # The link and the file of today are left out; a file that is locked for days
        # is not.
        counts = report["files"], report["bytes"], report["others"]
        assert counts == (4, 8_000, 2)
    assert (first["step"], first["is_ended"], first["items"]) == (1, False, [])
    assert (last["step"], last["is_ended"]) == (2, True)
    assert [(one["name"], one["outcome"]) for one in last["items"]] == [
        ("locked.usg", "unreadable"),
        *((name, "accepted") for name in NAMES),
    ]
    keys = {one.get("Portal-Upload") for one in script.headers} - {None}
    assert len(keys) == 1


def test_a_run_without_anything_to_send_is_one_report(
    script: CountingScript, folder: Path, tmp_path: Path
) -> None:
    (tmp_path / "empty").mkdir()
    assert run(script, tmp_path / "empty") == (0, [])
    assert script.count == len(script.reports) == 1
    assert script.reports[0]["is_ended"] is True
    run(script, folder)
    script.reports.clear()
    script.count = 0
    run(script, folder)
    assert (script.count, len(script.reports)) == (2, 1)
    assert [one["outcome"] for one in script.reports[0]["items"]] == [HERE] * 3


@pytest.mark.parametrize(
    "reply",
    [
        (500, scripted_portal.HTML, b"<html>"),
        (200, scripted_portal.HTML, b"<html>"),
        scripted_portal.problem(404, "not-found"),
        scripted_portal.problem(503, "busy"),
    ],
)
def test_a_report_that_fails_changes_nothing_about_the_run(
    script: Script, folder: Path, reply: Reply
) -> None:
    script.replies["report"] = [reply]
    code, lines = run(script, folder)
    assert code == 0
    assert lines[:3] == [f"accepted: {name}" for name in NAMES]
    (line,) = lines[3:]
    assert line.startswith("run not reported: ")


def test_why_files_did_not_arrive_is_reported_by_codes(
    script: Script, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(http, "TIMEOUT", 0.3)
    script.replies[NAMES[0]] = [(413, scripted_portal.HTML, b"<html>")]
    script.replies[NAMES[1]] = [scripted_portal.problem(413, "file-too-large")]
    script.replies[NAMES[2]] = [(502, scripted_portal.HTML, b"<html>")]
    put(folder, "IC01_4.usg")
    script.held.add("IC01_4.usg")
    put(folder, "IC01_5.usg")
    script.replies["IC01_5.usg"] = [(200, scripted_portal.HTML, b"<html>")]
    run(script, folder)
    items = {one["name"]: one for one in script.reports[-1]["items"]}
    assert {one["outcome"] for one in items.values()} == {"failed"}
    assert {name: one["code"] for name, one in items.items()} == {
        NAMES[0]: "blocked-size",
        NAMES[1]: "file-too-large",
        NAMES[2]: "unreached",
        "IC01_4.usg": "no-answer",
        "IC01_5.usg": "blocked-page",
    }


def test_a_run_that_the_busy_portal_ended_reports_the_rest_as_stopped(
    script: Script, folder: Path
) -> None:
    script.replies[NAMES[1]] = [scripted_portal.problem(503, "storage-full")]
    code, _ = run(script, folder)
    assert code == ExitCode.UNDELIVERED
    last = script.reports[-1]
    assert last["is_ended"] is True
    assert [one["outcome"] for one in last["items"]] == ["accepted", *["stopped"] * 2]


def test_many_files_are_reported_in_parts_and_those_that_were_here_only_fill_the_last(
    script: Script,
) -> None:
    report = RunReport(http.Portal(script.address, "usg_x"), "IC01")
    for number in range(4_000):
        is_new = number % 2 == 0 and number < 3_000
        report.add(f"{number}.usg", 1, "failed" if is_new else HERE, code="no-answer")
    assert report.end(tries=1) == ""
    assert [len(one["items"]) for one in script.reports] == [1_000, 1_000]
    assert [one["is_ended"] for one in script.reports] == [False, True]
    items = [item for one in script.reports for item in one["items"]]
    assert [one["number"] for one in items] == list(range(2_000))
    assert sum(one["outcome"] == "failed" for one in items) == 1_500
