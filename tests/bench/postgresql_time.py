"""Reads the processor time of a PostgreSQL server, ended processes included."""

import os
import time
from contextlib import suppress
from pathlib import Path

import psycopg

from tests.bench.bench_portal import CPU_CLOCK

# Fields of /proc/PID/stat, counted after the name: the parent, and the time of
# children that have ended, as user and as system.
_PARENT, _ENDED_USER, _ENDED_SYSTEM = 1, 13, 14

_TICKS = os.sysconf("SC_CLK_TCK")


class PostgresqlClock:
    """The clock of a whole server, in seconds.

    Live processes are read to the nanosecond. Ended ones, such as parallel workers,
    are in the sum that Linux keeps for their parent, to a hundredth of a second.
    """

    def __init__(self, url: str) -> None:
        with psycopg.connect(url) as connection:
            backend = connection.info.backend_pid
            self._postmaster = int(_fields(backend)[_PARENT])

    def seconds(self) -> float:
        pid = self._postmaster
        children = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
        ended = _fields(pid)
        ticks = int(ended[_ENDED_USER]) + int(ended[_ENDED_SYSTEM])
        return ticks / _TICKS + sum(_seconds_of(int(child)) for child in children)


def _fields(pid: int) -> list[str]:
    return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()


def _seconds_of(pid: int) -> float:
    with suppress(OSError):  # it has ended since
        return time.clock_gettime(~pid << 3 | CPU_CLOCK)
    return 0.0
