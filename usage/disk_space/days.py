"""Days of a server: what it wrote, and on which days it provably wrote nothing."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from itertools import pairwise
from uuid import UUID

_DAY = timedelta(days=1)


@dataclass(frozen=True, slots=True, kw_only=True)
class SeriesDay:
    """The accepted files of one server, series and day.

    `first` and `last` are their lowest and highest sequence numbers, `size` is in
    bytes. `safe` is how many of them may be deleted at the server, `safe_on` the day on
    which the last of these was confirmed.
    """

    series: UUID
    day: date
    first: int
    last: int
    files: int
    size: int
    logins: int
    safe: int
    safe_on: date | None


@dataclass(frozen=True, slots=True, kw_only=True)
class DaySize:
    """What a server wrote on a day, in bytes; 0 where it provably wrote nothing.

    `is_whole` is False if a file of the day is known to be missing.
    """

    day: date
    files: int = 0
    size: int = 0
    logins: int = 0
    safe: int = 0
    safe_on: date | None = None
    is_whole: bool = True

    @property
    def is_safe(self) -> bool:
        """Return whether all its files may be deleted at the server."""
        return self.safe == self.files


def day_sizes(found: Sequence[SeriesDay]) -> list[DaySize]:
    """Return the days of one server that are known, in order.

    Between files with consecutive numbers a server wrote nothing: these days have 0
    bytes. Days of which no file arrived are left out, as their size is not known; a day
    that lacks some of its files is not whole.
    """
    days = {one.day: one for one in _silent(found)}
    written: dict[date, DaySize] = {}
    for one in found:
        written[one.day] = _joined(written.get(one.day), one)
    return [one for _, one in sorted({**days, **written}.items())]


def _joined(before: DaySize | None, one: SeriesDay) -> DaySize:
    """Add the files of a series to those of other series on the same day."""
    base = before or DaySize(day=one.day)
    confirmed = [day for day in (base.safe_on, one.safe_on) if day is not None]
    return DaySize(
        day=one.day,
        files=base.files + one.files,
        size=base.size + one.size,
        logins=base.logins + one.logins,
        safe=base.safe + one.safe,
        safe_on=max(confirmed, default=None),
        is_whole=base.is_whole and one.last - one.first + 1 == one.files,
    )


def _silent(found: Iterable[SeriesDay]) -> Iterable[DaySize]:
    chains: dict[UUID, list[SeriesDay]] = {}
    for one in found:
        chains.setdefault(one.series, []).append(one)
    for chain in chains.values():
        for before, after in pairwise(sorted(chain, key=lambda one: one.first)):
            if after.first == before.last + 1:
                yield from _between(before.day, after.day)


def _between(before: date, after: date) -> Iterable[DaySize]:
    for number in range(1, (after - before).days):
        yield DaySize(day=before + number * _DAY)


def on_whole_days(days: Sequence[DaySize]) -> list[DaySize]:
    """Return the days of which every file is known."""
    return [one for one in days if one.is_whole]
