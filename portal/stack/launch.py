"""Replaces this process by a program that the kernel ends with its parent.

Run as a file: `python -I -S launch.py PARENT SIGNAL PROGRAM …`.
It is a program of its own because the request must be made after the fork and
before the exec; code between the two is unsafe in a process that has threads.
"""

import ctypes
import os
import sys

# From <linux/prctl.h>: the signal this process gets when its parent ends.
PR_SET_PDEATHSIG = 1

USAGE_ARGUMENTS = 3


def die_with_parent(number: int) -> None:
    """Ask the kernel for a signal when the thread that forked this process ends."""
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.prctl(PR_SET_PDEATHSIG, number, 0, 0, 0):
        sys.exit(f"prctl: {os.strerror(ctypes.get_errno())}")


def main(argv: list[str]) -> None:
    """Ask for the signal, look whether the parent is still there, and exec."""
    if len(argv) < USAGE_ARGUMENTS:
        sys.exit("usage: launch.py PARENT SIGNAL PROGRAM [ARGUMENT …]")
    parent, number, *command = argv
    die_with_parent(int(number))
    # The parent may have died before the request was made: then nobody would
    # ever send the signal.
    if os.getppid() != int(parent):
        sys.exit("launch.py: the parent is gone")
    os.execv(command[0], command)  # noqa: S606 - without a shell is the point


if __name__ == "__main__":
    main(sys.argv[1:])
