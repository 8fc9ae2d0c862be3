"""Prints the size of the access matrix at the end of its run."""

from typing import Any


def pytest_terminal_summary(terminalreporter: Any) -> None:
    # Imported late: Django has to be set up first.
    from tests.access.matrix import METHODS, ROWS, STANDING

    cells = len(ROWS) * len(METHODS) * len(STANDING)
    terminalreporter.write_line(
        f"access matrix: {len(ROWS)} addresses x {len(METHODS)} methods x"
        f" {len(STANDING)} callers = {cells:,} cells"
    )
