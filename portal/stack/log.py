"""Writes the one log of a run: time, name of the part, line."""

import sys
import time

# Wide enough for the longest name, so that the lines stand in a column.
NAME_WIDTH = 9

OURSELVES = "portal"


def log_line(line: str, part: str = OURSELVES) -> None:
    """Write one line; a reader who has gone away must not stop the parts."""
    stamp = time.strftime("%H:%M:%S")
    write(f"{stamp} {part:<{NAME_WIDTH}} | {line}\n")


def write(text: str) -> None:
    """Write text as it is, without a stamp."""
    try:
        sys.stdout.write(text)
        sys.stdout.flush()
    except (OSError, ValueError):
        # The terminal is closed or the pipe broken: there is nobody to tell.
        return
