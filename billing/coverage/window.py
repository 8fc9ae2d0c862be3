"""Selects the files of a tenant's history that a period's calendar needs.

The plain statement of what a database query has to fetch. See "Which files are
needed" in docs/calendar.md for why no more is needed.
"""

from bisect import bisect_left, bisect_right
from collections.abc import Iterable
from datetime import datetime
from itertools import pairwise

from billing.coverage.facts import FileFact, HeldFact
from billing.coverage.open_ends import open_after, open_before
from billing.coverage.periods import Period
from billing.coverage.series import by_series


def select_files(
    period: Period,
    files: Iterable[FileFact],
    *,
    held: Iterable[HeldFact] = (),
    known_before: datetime | None = None,
) -> frozenset[FileFact]:
    """Select the accepted files that the calendar of `period` depends on.

    Of each server and series the first and the last file; both of every two
    neighbours by number that touch the period or pass over it; and for each file that
    is held the one of its number and its nearest neighbours. With `known_before` (the
    deadline) also the same of what was received before it, which judging lateness
    needs.
    """
    facts = list(files)
    waiting = [fact.file for fact in held if fact.file is not None]
    selected = _selected(period, facts, waiting)
    if known_before is not None:
        known = [fact for fact in facts if fact.received_at < known_before]
        selected |= _selected(period, known, waiting)
    return frozenset(selected)


def _selected(
    period: Period, files: Iterable[FileFact], waiting: Iterable[FileFact]
) -> set[FileFact]:
    servers: dict[str, list[FileFact]] = {}
    for fact in files:
        servers.setdefault(fact.server, []).append(fact)
    runs = {
        (run[0].server, run[0].series): run
        for own in servers.values()
        for run in by_series(own)
    }
    selected: set[FileFact] = set()
    for run in runs.values():
        selected |= {run[0], run[-1]}
        for earlier, later in pairwise(run):
            if touches(period, earlier, later):
                selected |= {earlier, later}
    for fact in waiting:
        run = runs.get((fact.server, fact.series), [])
        below = bisect_left(run, fact.sequence, key=_number)
        above = bisect_right(run, fact.sequence, key=_number)
        selected.update(run[max(below - 1, 0) : above + 1])
    return selected


def _number(fact: FileFact) -> int:
    return fact.sequence


def touches(period: Period, earlier: FileFact, later: FileFact) -> bool:
    """Return whether two neighbours, or the time between them, touch the period."""
    first = min(open_before(earlier), open_before(later))
    last = max(open_after(earlier), open_after(later))
    return first <= period.ends_on and last >= period.starts_on
