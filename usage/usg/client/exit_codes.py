"""The exit codes of the sender; `docs/sender.md` has their table."""

from collections.abc import Iterable, Mapping
from enum import IntEnum


class ExitCode(IntEnum):
    """Exit codes of a run; the PowerShell script has the same."""

    ACCEPTED = 0
    REJECTED = 1
    WRONG_COMMAND_LINE = 2  # the code of argparse
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
    """Return the worst of the codes of all files."""
    return max(codes, key=_WORST_LAST.index)
