"""Opens the files of one day of a statement again, to explain its figures.

Everything comes from the statement itself: the list of its files, its catalogue, its
days. So an old version is explained as well as the newest one.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

import numpy as np
from numpy.typing import NDArray

from billing.coverage.periods import Period
from billing.statements import inputs
from billing.statements.compute.catalogue import Catalogue, Kind
from billing.statements.compute.local_days import LocalDay
from billing.statements.compute.rows import RowsOfFile, file_rows
from billing.statements.file_opener import FileOpener
from billing.statements.inputs import CountedFile
from billing.statements.manifest import listed_files
from billing.statements.queries import ServedStatement
from portal.db import unit_of_work
from portal.errors import Refused, Unavailable
from portal.models import Tenant
from usage.files.rows import RowsUnreadableError
from usage.usg import OpenedDay
from usage.usg.summary import fold

Document = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class OpenedFile:
    """A listed file that touches the day; users are numbered over all files."""

    counted: CountedFile
    opened: OpenedDay
    rows: RowsOfFile


def day_of(document: Document, day: date) -> Document:
    """Return a day of a statement, of the period or outside of it.

    Raises:
        Refused: the statement has no such day.

    """
    name = day.isoformat()
    for one in (*document["days"], *document["outside"]):
        if one["day"] == name:
            found: Document = one
            return found
    raise Refused("not-found")


@dataclass(slots=True)
class DayFiles:
    """Opens the listed files of a day, and numbers their users by folded names."""

    files: list[CountedFile]
    opener: FileOpener
    numbers: dict[str, int]

    @classmethod
    def of(cls, tenant_id: int, found: ServedStatement) -> "DayFiles":
        period = Period.parse(found.head.period)
        with unit_of_work.acting_for(tenant_id, reading=True, repeatable=True):
            tenant = Tenant.objects.get()
            loaded = inputs.load(tenant, period)
            opener = FileOpener.of(tenant)
        try:
            files = listed_files(loaded, found.files)
        except Refused as refusal:
            raise Refused("day-gone") from refusal
        return cls(files, opener, {})

    def open(self, day: LocalDay) -> Iterator[OpenedFile]:
        for one in self.files:
            if not _touches(one, day):
                continue
            try:
                opened = self.opener.read(one.file)
            except RowsUnreadableError as error:
                raise Refused("day-unreadable") from error
            except OSError as error:
                raise Unavailable("statement-waits") from error
            rows = file_rows(
                opened,
                numbers=self._numbered(fold(opened.users)),
                closed_by=one.file.closed_by,
                shift=one.shift,
            )
            yield OpenedFile(one, opened, rows)

    def _numbered(self, names: list[str]) -> NDArray[np.uint32]:
        known = self.numbers
        found = [known.setdefault(name, len(known)) for name in names]
        return np.array(found, np.uint32)


def _touches(one: CountedFile, day: LocalDay) -> bool:
    """Return whether a file was open at some time of a day, with its shift."""
    opened, closed = one.file.opened_at, one.file.closed_at
    if opened is None or closed is None:
        return False
    first = int(opened.timestamp()) + (one.shift or 0)
    last = int(closed.timestamp()) + (one.shift or 0)
    return first < day.ends_at and max(last, first + 1) > day.starts_at


def bounds_of(day: Document) -> LocalDay:
    return LocalDay(
        day=date.fromisoformat(day["day"]),
        starts_at=_seconds(day["starts_at"]),
        ends_at=_seconds(day["ends_at"]),
        hours=tuple(_seconds(hour["starts_at"]) for hour in day["hours"]),
    )


def _seconds(instant: str) -> int:
    return int(datetime.fromisoformat(instant).timestamp())


def catalogue_of(document: Document) -> Catalogue:
    stated = document["catalogue"]
    kinds = {one["licence_key"]: Kind(one["kind"]) for one in stated["entries"]}
    return Catalogue(stated["version"], kinds)
