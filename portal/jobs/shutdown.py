"""Whether this process was asked to end: who works in a loop asks between two pieces.

Only `manage.py drain` heeds signals in this way. Celery's workers are killed, which
loses nothing either, but leaves what they had claimed until its lease ends.
"""

import signal
import time
from types import FrameType

# How often a sleeper looks. No lock is waited for: the signal may find it held.
_CHECK_EVERY = 0.1

_requested: list[int] = []


def is_requested() -> bool:
    return bool(_requested)


def wait(seconds: float) -> bool:
    """Sleep; True, and soon, when somebody asks this process to end."""
    until = time.monotonic() + seconds
    while not _requested and (left := until - time.monotonic()) > 0:
        time.sleep(min(left, _CHECK_EVERY))
    return is_requested()


def handle_signals() -> None:
    """Let TERM and INT ask; a second one ends the process as it always does."""
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, _request)


def _request(number: int, _frame: FrameType | None) -> None:
    _requested.append(number)
    signal.signal(number, signal.SIG_DFL)
