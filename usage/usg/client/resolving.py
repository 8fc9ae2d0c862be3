"""Resolves a name within a time limit, which resolvers of machines do not have."""

import socket
import threading
from collections.abc import Callable, Sequence
from itertools import chain, zip_longest
from typing import Any

from usage.usg.characters import cleaned

# Returns what `socket.getaddrinfo` does, or raises OSError.
Resolve = Callable[[str, int], Sequence[tuple[Any, ...]]]

# Addresses of a name that are tried, and shown.
_ADDRESSES = 8

# Addresses that DNS filters answer for a blocked name. A connection to them would reach
# this machine.
_BLOCKED = ("0.0.0.0", "::")  # noqa: S104 - nothing listens there


def resolved_by_machine(name: str, port: int) -> Sequence[tuple[Any, ...]]:
    """Return what this machine resolves a name to, as `socket.getaddrinfo` does."""
    return socket.getaddrinfo(name, port, type=socket.SOCK_STREAM)


def resolve_in_time(
    resolve: Resolve, name: str, port: int, seconds: float
) -> tuple[tuple[str, ...], str]:
    """Return the addresses of a name, or why there are none; `seconds` is the most."""
    found: list[str] = []
    problems: list[str] = []

    def run() -> None:
        try:
            rows = resolve(name, port)
        except (OSError, UnicodeError) as error:
            problems.append(error_text(error))
        else:
            kinds: dict[Any, list[str]] = {}
            for row in rows:
                kinds.setdefault(row[0], []).append(str(row[4][0]))
            # IPv4 and IPv6 in turn: with many of the one, the other is tried too.
            turns = chain.from_iterable(zip_longest(*kinds.values()))
            answers = dict.fromkeys(one for one in turns if one)
            found.extend(one for one in answers if one not in _BLOCKED)
            problems.extend(
                f"DNS answers {one}, as a filter does for a name that it blocks"
                for one in answers
                if one in _BLOCKED
            )

    # The resolver of the machine has no time limit of its own.
    thread = threading.Thread(target=run, daemon=True)
    thread.start()
    thread.join(seconds)
    if found:
        return tuple(found[:_ADDRESSES]), ""
    return (), problems[0] if problems else f"no answer within {seconds:.0f} s"


def error_text(error: Exception) -> str:
    """Return an error as text, without the codes of the library."""
    if isinstance(error, TimeoutError):
        return "no answer in time"
    text = error.strerror if isinstance(error, OSError) else str(error)
    return cleaned(text or str(error) or type(error).__name__)[:200]
