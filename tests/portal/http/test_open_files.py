"""A web server process may open as many files as several large forms have."""

import os
import resource
import subprocess
import sys

import pytest

ASK = "import resource, portal.wsgi;print(*resource.getrlimit(resource.RLIMIT_NOFILE))"


@pytest.mark.parametrize(
    ("soft", "hard", "expected"),
    [(256, 4096, 4096), (256, 256, 256), (4096, 4096, 4096)],
)
def test_a_web_server_asks_for_the_open_files_it_may_have(
    soft: int, hard: int, expected: int
) -> None:
    done = subprocess.run(
        [sys.executable, "-c", ASK],
        env={**os.environ},
        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard)),
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.split() == [str(expected), str(hard)]
