"""Sets the failpoint of a process that already runs."""

import importlib
import itertools
import os
from collections.abc import Iterable
from pathlib import Path

from portal import env
from portal.health import failpoints

# Places for the workers of a web server, one a line with a number before it: each
# takes the first and dies there; with none left a worker lives. Who took which number
# stands in the other file.
LIST, TAKEN = "failpoints.txt", "failpoint-taken.txt"

_numbers = itertools.count(1)


def arm(place: str) -> None:
    """Set the place; the code asks `failpoints.reach`, which is made anew by it."""
    os.environ["FAILPOINT"] = place
    importlib.reload(failpoints)


def arm_from_list() -> None:
    """Take the first place; in this order, so that one killed here loses none."""
    folder = env.var_folder()
    path = folder / LIST
    places = path.read_text().splitlines() if path.exists() else []
    number, _, place = places[0].partition(" ") if places else ("0", "", "")
    (folder / TAKEN).write_text(f"{os.getpid()} {number}")
    path.write_text("\n".join(places[1:]))
    arm(place)


def put_list(var: Path, places: Iterable[str]) -> int:
    """Leave places for the next workers; return the number of the first."""
    numbered = [(next(_numbers), place) for place in places]
    (var / LIST).write_text("\n".join(f"{n} {place}" for n, place in numbered))
    return numbered[0][0]


def taken(var: Path) -> tuple[int, int]:
    """Return the latest worker, and the number that it has taken."""
    try:
        pid, number = (var / TAKEN).read_text().split()
    except (FileNotFoundError, ValueError):
        return 0, 0  # nobody yet, or it is just being written
    return int(pid), int(number)
