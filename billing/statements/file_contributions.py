"""Computes what each file contributes to a day of a statement."""

import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, datetime
from functools import lru_cache
from uuid import UUID

from billing.statements.compute.days import DayUsage, compute_day
from billing.statements.day_files import DayFiles, bounds_of, catalogue_of, day_of
from billing.statements.inputs import CountedFile
from billing.statements.queries import ServedStatement
from billing.statements.reader_turns import reader_turn

# Days that a process caches: opening the files of one takes up to a second. They have
# no names of users.
_CACHE_SIZE = 128

# Seconds that a reader waits for its turn.
_PATIENCE = 5.0


@dataclass(frozen=True, slots=True)
class LineContribution:
    """Figures of a line that one file has in a day."""

    logins: int = 0
    named_users: int = 0
    peak: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class FileContribution:
    """What one file contributes to a day, by line; logins of files add up.

    Users and peaks do not: a user may be on several servers.
    """

    file_id: UUID
    name: str
    server: str
    sequence: int
    sha256: str
    received_at: datetime
    lines: Mapping[str, LineContribution]


@dataclass(frozen=True, slots=True, kw_only=True)
class _DayKey:
    """A day of a document, by the SHA-256 of that; the rest follows from it."""

    tenant_id: int
    sha256: str
    day: date
    found: ServedStatement = field(compare=False)
    files: DayFiles = field(compare=False)


def file_contributions(
    tenant_id: int, found: ServedStatement, day: date
) -> tuple[FileContribution, ...]:
    """Return the contribution of each listed file to a day, by server and number.

    Begins and ends units of work of its own.

    Raises:
        Refused: the statement has no such day, or a file of it no longer counts or
            does not open.
        Unavailable: a file cannot be read at the moment, or others took all the time.

    """
    files = DayFiles.of(tenant_id, found)
    key = _DayKey(
        tenant_id=tenant_id, sha256=found.sha256, day=day, found=found, files=files
    )
    return _contributions(key)


@lru_cache(maxsize=_CACHE_SIZE)
def _contributions(key: _DayKey) -> tuple[FileContribution, ...]:
    document = key.found.content()
    bounds, catalogue = bounds_of(day_of(document, key.day)), catalogue_of(document)
    contributions = []
    with reader_turn(until=time.monotonic() + _PATIENCE):
        for one in key.files.open(bounds):
            usage = compute_day([one.rows], bounds, catalogue)
            if usage.is_touched:
                contributions.append(_contribution(one.counted, usage))
    return tuple(sorted(contributions, key=lambda one: (one.server, one.sequence)))


def _contribution(one: CountedFile, usage: DayUsage) -> FileContribution:
    file = one.file
    return FileContribution(
        file_id=file.pk,
        name=file.name,
        server=file.server.name if file.server else "",
        sequence=file.sequence or 0,
        sha256=one.sha256,
        received_at=file.received_at,
        lines={
            name: LineContribution(line.logins, line.named_users, line.peak.level)
            for name, line in usage.lines.items()
        },
    )
