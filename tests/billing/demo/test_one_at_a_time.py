"""Commands that set the portal up run one at a time, and the second one waits."""

import subprocess
import sys
import threading
from collections.abc import Callable
from contextlib import contextmanager
from io import StringIO
from pathlib import Path
from typing import Any

import psycopg
import pytest
from django.core.management import call_command
from django.db import connections

from billing.management.commands import demo as demo_command
from portal.management.commands.migrate import MIGRATING
from tests.journeys.live_server import wait_for

# Another process that holds a file until its input ends.
HOLDER = """
import sys
from pathlib import Path
from portal.management.one_at_a_time import holding_file
with holding_file(Path(sys.argv[1]), on_wait=lambda: None):
    print("held", flush=True)
    sys.stdin.read()
"""


class RecordedDemo:
    """Stands for the demo; notes when it was loaded and made."""

    done: list[str] = []

    is_begun = has_history = True

    def __init__(self, folder: Path, **_: Any) -> None:
        self.done.append("loaded")

    def make(self) -> None:
        self.done.append("made")

    def as_json(self, address: str) -> dict[str, str]:
        return {"address": address}


@contextmanager
def running(command: Callable[[], object]) -> Any:
    """Run a command in a thread that has to end when the block does."""

    def run() -> None:
        try:
            command()
        finally:
            connections.close_all()

    thread = threading.Thread(target=run, daemon=True)
    thread.start()
    yield thread
    thread.join(30)
    assert not thread.is_alive()


@pytest.mark.parametrize("options", [["--json"], ["--silent"]])
def test_a_second_demo_waits_until_the_first_is_made(
    settings: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, options: list[str]
) -> None:
    settings.VAR = str(tmp_path)
    monkeypatch.setattr(demo_command, "Demo", RecordedDemo)
    RecordedDemo.done.clear()
    (tmp_path / "demo").mkdir()
    arguments = [sys.executable, "-c", HOLDER, str(tmp_path / "demo" / "lock")]
    out, err = StringIO(), StringIO()
    with subprocess.Popen(
        arguments, stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as first:
        assert first.stdout is not None
        assert first.stdout.readline() == b"held\n"
        with running(
            lambda: call_command("demo", *options, stdout=out, stderr=err)
        ) as second:
            assert wait_for(lambda: "waiting until it is done" in err.getvalue())
            assert second.is_alive()
            # What the first has made by then is loaded afterwards.
            assert RecordedDemo.done == []
            first.communicate(b"")
    assert RecordedDemo.done == ["loaded", "made"]
    # Scripts read the standard output.
    assert "waiting" not in out.getvalue()


def test_a_second_migration_waits_until_the_first_is_done(db: None) -> None:
    owner = connections["owner"]
    parameters = owner.get_connection_params()
    parameters.pop("cursor_factory", None)
    parameters.pop("context", None)
    out, err = StringIO(), StringIO()
    with psycopg.connect(**parameters, autocommit=True) as first:
        first.execute("select pg_advisory_lock(%s)", [MIGRATING])
        with running(lambda: call_command("migrate", stdout=out, stderr=err)) as second:
            assert wait_for(lambda: "waiting" in err.getvalue())
            assert second.is_alive()
            assert out.getvalue() == ""
            first.execute("select pg_advisory_unlock(%s)", [MIGRATING])
    assert "No migrations to apply" in out.getvalue()
