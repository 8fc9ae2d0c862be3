"""The exit codes of the sender; `docs/sender.md` has their table."""

from collections.abc import Iterable, Mapping
from enum import IntEnum


class ExitCode(IntEnum):
    """How a run ended. The PowerShell script has the same codes."""

    ACCEPTED = 0
    REJECTED = 1
    WRONG_COMMAND_LINE = 2  # as argparse ends with
    HELD = 3
    UNDELIVERED = 4


CODES: Mapping[str, ExitCode] = {
    "accepted": ExitCode.ACCEPTED,
    "already here": ExitCode.ACCEPTED,
    "received": ExitCode.ACCEPTED,
    "held": ExitCode.HELD,
}

EPILOG = (
    "Exit codes: 0 accepted, or access works; 1 refused, failed, or not full access;"
    " 2 wrong command line; 3 held; 4 not delivered, or not reported: run it again."
)

_WORST_LAST = (
    *(ExitCode.ACCEPTED, ExitCode.HELD),
    *(ExitCode.UNDELIVERED, ExitCode.REJECTED),
)


def worst_of(codes: Iterable[ExitCode]) -> ExitCode:
    """Return the code of the worst of what happened to the files."""
    return max(codes, key=_WORST_LAST.index)
