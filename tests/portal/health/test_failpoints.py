"""Failpoints: each named once, reached once, and off by default."""

import re
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from portal.health import failpoints

pytestmark = pytest.mark.plain

ROOT = Path(__file__).resolve().parents[3]
REACHED = re.compile(r'failpoints\.reach\("([^"]+)"\)')

PROGRAM = """
from portal.health import failpoints
for name in ("receive:kept", "receive:noted", "receive:kept"):
    print(name, flush=True)
    failpoints.reach(name)
"""


def run(wanted: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-c", PROGRAM],
        cwd=ROOT,
        env={"FAILPOINT": wanted},
        capture_output=True,
        text=True,
        check=False,
    )


def test_every_place_is_in_the_code_once() -> None:
    found = [
        name
        for app in ("portal", "usage", "billing")
        for path in (ROOT / app).rglob("*.py")
        for name in REACHED.findall(path.read_text())
    ]
    names = (*failpoints.NAMES, *failpoints.STATEMENT_NAMES, *failpoints.MOVE_NAMES)
    assert sorted(found) == sorted(names)


@pytest.mark.parametrize(
    ("wanted", "reached", "code"),
    [
        ("", 3, 0),
        ("receive:noted", 2, -signal.SIGKILL),
        ("receive:kept:at:2", 3, -signal.SIGKILL),
        ("receive:kept:at:3", 3, 0),
    ],
)
def test_a_process_ends_where_it_was_told_to(
    wanted: str, reached: int, code: int
) -> None:
    done = run(wanted)
    assert len(done.stdout.splitlines()) == reached
    assert done.returncode == code


def test_a_place_that_is_nowhere_is_a_mistake() -> None:
    assert "FAILPOINT names no place" in run("receive:nowhere").stderr
