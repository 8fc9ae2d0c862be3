"""Failpoints: named places where a test can kill this process, as a power cut would.

`reach` does nothing at all, unless the process was started with the variable
FAILPOINT: `NAME`, or `NAME:at:N` for the Nth time that the place is reached. Then the
process ends in that moment: it flushes, closes and rolls back nothing.
"""

import os
import signal
from collections.abc import Callable

from portal import env

# Every place, in the order in which a file passes them. The name is the last step that
# was done: "receive:kept" is reached once the bytes are kept.
NAMES = (
    "receive:spooled",
    "receive:kept",
    "receive:noted",
    "receive:committed",
    "settle:examined",
    "settle:marked",
    "settle:judged",
    "settle:committed",
    "sweep:claimed",
    "summary:claimed",
    "summary:computed",
    "summary:servers",
    "summary:tenant",
    "summary:flags",
    "summary:deleted",
    "summary:committed",
    "forward:claimed",
    "forward:put",
    "forward:marked",
    "forward:committed",
    "retain:committed",
    "inbox:listed",
    "inbox:claimed",
    "inbox:fetched",
    "inbox:received",
    "inbox:told",
    "inbox:committed",
    "regain:removed",
    "regain:kept",
)

# Failpoints of statements, which an upload does not pass.
STATEMENT_NAMES = (
    "statement:claimed",
    "statement:computed",
    "statement:day-stored",
    "statement:built",
    "statement:unmarked",
    "statement:written",
    "statement:issued",
    "statement:committed",
    "month-end:claimed",
    "month-end:done",
)

# Failpoints of `manage.py move_store`.
MOVE_NAMES = ("move:copied", "move:removed")


def _pass(name: str) -> None:
    pass


def _kill_at(wanted: str) -> Callable[[str], None]:
    name, _, number = wanted.partition(":at:")
    if name not in (*NAMES, *STATEMENT_NAMES, *MOVE_NAMES):
        message = f"FAILPOINT names no place: {name}"
        raise ValueError(message)
    left = int(number or 1)

    def reach(here: str) -> None:
        nonlocal left
        if here != name:
            return
        left -= 1
        if left == 0:
            os.kill(os.getpid(), signal.SIGKILL)

    return reach


_wanted = env.text("FAILPOINT")

reach: Callable[[str], None] = _kill_at(_wanted) if _wanted else _pass
