"""The supervisor's loop, with scripts in place of the engines."""

import io
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from portal.stack import launch, log, supervisor, task_processes
from portal.stack.children import LONGEST_LINE, Part
from portal.stack.supervisor import (
    FailedError,
    StopRequestedError,
    Supervisor,
    describe_end,
)


@pytest.fixture
def watching() -> Iterator[Supervisor]:
    with Supervisor() as made:
        yield made


def script(name: str, code: str, **options: object) -> Part:
    argv = [sys.executable, "-u", "-c", code]
    environment = dict(os.environ)
    return Part(name=name, argv=argv, cwd=Path("/"), environment=environment, **options)  # type: ignore[arg-type]  # each test gives what it is about


def test_a_step_returns_its_exit_code_and_what_it_says(
    watching: Supervisor, capsys: pytest.CaptureFixture[str]
) -> None:
    assert watching.run(script("good", "print('fine'); print(); print('end')")) == 0
    code = "import sys; print('quiet'); sys.exit(3)"
    assert watching.run(script("bad", code, is_shown=lambda _: False)) == 3
    said = capsys.readouterr().out
    assert "good      | fine" in said
    # What is usually kept back is shown once it may explain something.
    assert "bad       | quiet" in said


def test_a_slow_step_says_that_it_is_still_at_it(
    watching: Supervisor,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(supervisor, "LOG_PROGRESS_EVERY", 0.1)
    watching.run(script("slow", "import time; time.sleep(1.2)"))
    assert "still at it after 1 s" in capsys.readouterr().out


def test_a_line_without_end_does_not_fill_the_memory(
    watching: Supervisor, capsys: pytest.CaptureFixture[str]
) -> None:
    watching.run(script("long", f"print('x' * {3 * LONGEST_LINE})"))
    longest = max(len(line) for line in capsys.readouterr().out.splitlines())
    assert longest <= 2 * LONGEST_LINE + 100


def test_a_part_that_keeps_dying_is_tried_less_and_less_often(
    watching: Supervisor, capsys: pytest.CaptureFixture[str]
) -> None:
    watching.start(script("weak", "raise SystemExit(7)"))
    said = ""

    def is_patient() -> bool:
        nonlocal said
        said += capsys.readouterr().out
        return "again in 2 s" in said

    watching.wait_until(is_patient, 30)
    for pause in ("0.5", "1", "2"):
        assert f"weak ended (exit code 7); starting it again in {pause} s" in said
    watching.stop(["weak"])


def test_a_part_that_recovered_begins_anew(
    watching: Supervisor,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(supervisor, "RECOVERED_AFTER", 0.0)
    watching.start(script("weak", "raise SystemExit(7)"))
    watching.wait_until(lambda: False, 1.5)
    assert "again in 1 s" not in capsys.readouterr().out


def test_a_part_that_never_gets_ready_is_named(watching: Supervisor) -> None:
    part = script("sleepy", "import time; time.sleep(60)", is_ready=lambda: False)
    watching.start(part)
    with pytest.raises(FailedError, match="sleepy did not start"):
        watching.wait_ready([part], 0.2)


def test_a_part_that_does_not_stop_is_killed(
    watching: Supervisor,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(supervisor, "PATIENCE", 0.5)
    deaf = (
        "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN);"
        "print('deaf'); time.sleep(60)"
    )
    watching.start(script("deaf", deaf))
    said = ""

    def is_deaf() -> bool:
        nonlocal said
        said += capsys.readouterr().out
        return "| deaf" in said

    assert watching.wait_until(is_deaf, 10)
    watching.stop(["deaf"])
    assert "deaf does not stop and is killed" in capsys.readouterr().out


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_a_signal_ends_the_watch(watching: Supervisor, number: signal.Signals) -> None:
    os.kill(os.getpid(), number)
    with pytest.raises(StopRequestedError):
        watching.watch()


def test_grandchildren_go_with_their_part(watching: Supervisor, tmp_path: Path) -> None:
    note = tmp_path / "pid"
    family = (
        "import subprocess, sys;"
        "child = subprocess.Popen(['sleep', '60']);"
        f"open({str(note)!r}, 'w').write(str(child.pid))"
    )
    watching.run(script("family", family))
    path = Path(f"/proc/{note.read_text()}/stat")
    gone = time.monotonic() + 5
    while path.exists() and path.read_text().split()[2] != "Z":
        assert time.monotonic() < gone
        time.sleep(0.02)


def test_ends_are_put_into_words() -> None:
    assert describe_end(2) == "exit code 2"
    assert describe_end(-9) == "SIGKILL"
    assert describe_end(-60) == "signal 60"


def test_a_reader_who_left_does_not_stop_anything(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    closed = io.StringIO()
    closed.close()
    monkeypatch.setattr(sys, "stdout", closed)
    log.log_line("is anybody there?")


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["1"], "usage:"),
        (["1", "9", "/bin/true"], "the parent is gone"),
        ([str(os.getpid()), "9", "/bin/echo", "launched"], "launched"),
        ([str(os.getpid()), "999", "/bin/true"], "Invalid argument"),
    ],
)
def test_the_launcher_becomes_the_program_or_says_why_not(
    arguments: list[str], words: str
) -> None:
    done = subprocess.run(
        [sys.executable, launch.__file__, *arguments],
        capture_output=True,
        text=True,
        check=False,
    )
    assert words in done.stdout + done.stderr


def test_a_task_process_asks_to_end_with_its_worker() -> None:
    code = (
        "import os, signal, time\n"
        "from celery.signals import worker_process_init\n"
        "import portal.stack.task_processes\n"
        "if os.fork():\n"
        "    time.sleep(0.5); os.kill(os.getpid(), signal.SIGKILL)\n"
        "else:\n"
        "    worker_process_init.send(sender=None)\n"
        "    print(os.getpid(), flush=True); time.sleep(60)\n"
    )
    started = time.monotonic()
    # The pipe ends when the last of the two is gone.
    done = subprocess.run(
        [sys.executable, "-c", code], stdout=subprocess.PIPE, check=False
    )
    assert done.stdout
    assert time.monotonic() - started < 30


def test_that_signal_is_kill(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[int] = []
    monkeypatch.setattr(launch, "die_with_parent", asked.append)
    task_processes.end_with_the_worker()
    assert asked == [signal.SIGKILL]
