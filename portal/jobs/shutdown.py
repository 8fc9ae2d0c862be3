"""Handles TERM and INT for a loop that checks between two jobs if it has to end.

Only `manage.py drain` handles signals in this way. Celery's workers are killed, which
loses nothing either, but leaves the rows they have claimed until the leases end.
"""

import signal
import time
from types import FrameType

# How often `wait` checks, in seconds. It polls: a lock could be held by the very code
# that the signal interrupts.
_CHECK_EVERY = 0.1

_requested: list[int] = []


def is_requested() -> bool:
    return bool(_requested)


def wait(seconds: float) -> bool:
    """Sleep; return True, and early, if this process is asked to end."""
    until = time.monotonic() + seconds
    while not _requested and (left := until - time.monotonic()) > 0:
        time.sleep(min(left, _CHECK_EVERY))
    return is_requested()


def handle_signals() -> None:
    """Let TERM and INT request the end; a second signal has its default effect."""
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, _request)


def _request(number: int, _frame: FrameType | None) -> None:
    _requested.append(number)
    signal.signal(number, signal.SIG_DFL)
