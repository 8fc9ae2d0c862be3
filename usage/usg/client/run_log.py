"""Writes the lines of a run to a log file and to standard output.

No error of writing ends a run: a log that cannot be written (a full disk, missing
rights) is reported once, and then left out.
"""

import os
import sys
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path

# A run renames a log above this number of bytes to FILE.1.
LARGEST_LOG = 1024 * 1024


@dataclass(slots=True)
class RunLog:
    """Reports lines; `path` is the log file, if there is one, `now` the local time."""

    path: Path | None
    now: Callable[[], datetime]
    is_broken: bool = field(default=False, init=False)

    def __post_init__(self) -> None:
        if self.path is None:
            return
        with suppress(OSError):
            if self.path.stat().st_size > LARGEST_LOG:
                self.path.replace(self.path.with_name(f"{self.path.name}.1"))

    def __call__(self, line: str) -> None:
        to_stdout(line)
        if self.path is None or self.is_broken:
            return
        at = self.now().astimezone().isoformat(sep=" ", timespec="seconds")
        try:
            with self.path.open("a", encoding="utf-8", errors="replace") as file:
                file.write(f"{at} {line}\n")
        except OSError as error:
            self.is_broken = True
            to_stdout(f"no log: {error.strerror or error}")


def failure_text(error: Exception) -> str:
    """Return why a file or directory could not be used, without the number of errno."""
    if isinstance(error, OSError) and error.filename is not None and error.strerror:
        return f"{error.filename}: {error.strerror}"
    return str(error)


def to_stdout(line: str) -> None:
    try:
        sys.stdout.write(f"{line}\n")
        sys.stdout.flush()
    except OSError:
        # A full disk or a closed pipe: flushing the buffer at exit would fail again.
        sys.stdout = open(os.devnull, "w", encoding="utf-8")  # noqa: PTH123, SIM115 - stays open
