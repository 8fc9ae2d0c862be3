"""Whether this process was asked to end: who works in a loop asks between two pieces.

Only `manage.py drain` heeds signals in this way. Celery's workers are killed, which
loses nothing either, but leaves what they had claimed until its lease ends.
"""

import signal
import time
from types import FrameType

# How often a sleeper looks. No lock is waited for: the signal may find it held.
_LOOK_EVERY = 0.1

_asked: list[int] = []


def is_asked() -> bool:
    return bool(_asked)


def wait(seconds: float) -> bool:
    """Sleep; True, and soon, when somebody asks this process to end."""
    until = time.monotonic() + seconds
    while not _asked and (left := until - time.monotonic()) > 0:
        time.sleep(min(left, _LOOK_EVERY))
    return is_asked()


def heed_signals() -> None:
    """Let TERM and INT ask; a second one ends the process as it always does."""
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, _ask)


def _ask(number: int, _frame: FrameType | None) -> None:
    _asked.append(number)
    signal.signal(number, signal.SIG_DFL)
