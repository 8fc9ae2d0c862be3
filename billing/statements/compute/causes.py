"""Finds what has changed between two versions of a statement besides its figures.

Causes are written as `file:SHA256`, `excuse:SERVER:DAY`, `catalogue:NUMBER`,
`rules:NUMBER`, and `calendar` where nothing else is known to have changed.
"""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import date
from typing import Any

from billing.statements.compute.figures import Figures

FileEntry = Mapping[str, Any]

# What a listed file is compared by.
_LISTED = ("sha256", "day", "assigned_day", "server", "series", "sequence")

# States of server-days that an excuse gives them.
_EXCUSED = frozenset({"down", "lost"})

# Days before and after its own on which a file may have rows, because of zones.
_NEIGHBOURS = 1


@dataclass(frozen=True, slots=True)
class ChangedFile:
    """A file that changed, and the days that it counts for in one of the versions."""

    sha256: str
    server: str
    days: tuple[date, ...]

    def is_near(self, day: date) -> bool:
        return any(abs((one - day).days) <= _NEIGHBOURS for one in self.days)


@dataclass(frozen=True, slots=True)
class Causes:
    """What has changed; `excuses` are server and day."""

    files: tuple[ChangedFile, ...]
    excuses: tuple[tuple[str, str], ...]
    catalogue: tuple[str, ...]
    rules: tuple[str, ...]

    def of_figures(self, day: str | None) -> list[str]:
        near = self._files(day=day) or self._files()
        return [*near, *self.catalogue, *self.rules] or ["calendar"]

    def of_files(self) -> list[str]:
        return self._files() or ["calendar"]

    def of_calendar(
        self, *, day: str | None = None, server: str | None = None
    ) -> list[str]:
        excuses = (
            f"excuse:{name}:{excused}"
            for name, excused in self.excuses
            if server in (None, name) and day in (None, excused)
        )
        # A chain proves days far from a file too.
        files = self._files(day=day, server=server) or self._files(server=server)
        return [*files, *excuses] or ["calendar"]

    def _files(self, *, day: str | None = None, server: str | None = None) -> list[str]:
        near = (
            one
            for one in self.files
            if server in (None, one.server)
            and (day is None or one.is_near(date.fromisoformat(day)))
        )
        return [f"file:{one.sha256}" for one in near]


def causes_between(
    before: Figures,
    after: Figures,
    *,
    files_before: Iterable[FileEntry],
    files_after: Iterable[FileEntry],
) -> Causes:
    """Return the causes of what differs between two versions."""
    return Causes(
        tuple(_changed_files(files_before, files_after)),
        tuple(_changed_excuses(before, after)),
        tuple(_changed_catalogue(before, after)),
        tuple(_changed_rules(before, after)),
    )


def _changed_files(
    before: Iterable[FileEntry], after: Iterable[FileEntry]
) -> Iterator[ChangedFile]:
    """Yield files that only one version has, or has otherwise; by day and server."""
    old, new = (
        {tuple(one[name] for name in _LISTED): one for one in of}
        for of in (before, after)
    )
    found: dict[str, list[FileEntry]] = defaultdict(list)
    for key in old.keys() ^ new.keys():
        one = new.get(key) or old[key]
        found[one["sha256"]].append(one)
    changed = (
        ChangedFile(
            sha256,
            min(one["server"] for one in entries),
            tuple(sorted(date.fromisoformat(one["day"]) for one in entries)),
        )
        for sha256, entries in found.items()
    )
    yield from sorted(changed, key=lambda one: (one.days, one.server, one.sha256))


def _changed_excuses(before: Figures, after: Figures) -> Iterator[tuple[str, str]]:
    old, new = _excused(before), _excused(after)
    for server, day, _ in sorted(old ^ new):
        yield server, day


def _excused(of: Figures) -> set[tuple[str, str, str]]:
    return {
        (one["server"], one["day"], one["state"])
        for one in of["completeness"]["days"]
        if one["state"] in _EXCUSED
    }


def _changed_catalogue(before: Figures, after: Figures) -> Iterator[str]:
    old, new = before["catalogue"], after["catalogue"]
    if old["entries"] != new["entries"]:
        yield f"catalogue:{new['version']}"


def _changed_rules(before: Figures, after: Figures) -> Iterator[str]:
    if before["rules"] != after["rules"]:
        yield f"rules:{after['rules']}"
