"""Computes what each file contributes to a day of a statement."""

import threading
import time
from collections import OrderedDict
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime
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


# By tenant, SHA-256 of the document, and day; the least recently used first.
_CacheKey = tuple[int, str, date]
_cache: OrderedDict[_CacheKey, tuple[FileContribution, ...]] = OrderedDict()
_cache_lock = threading.Lock()


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
    # Whether the files still count can change without another document.
    files = DayFiles.of(tenant_id, found)
    key = (tenant_id, found.sha256, day)
    with _cache_lock:
        known = _cache.get(key)
        if known is not None:
            _cache.move_to_end(key)
            return known
    made = _compute(files, found, day)
    # Not `lru_cache`, which would keep the document and the files with the key.
    with _cache_lock:
        _cache[key] = made
        while len(_cache) > _CACHE_SIZE:
            _cache.popitem(last=False)
    return made


def _compute(
    files: DayFiles, found: ServedStatement, day: date
) -> tuple[FileContribution, ...]:
    document = found.content()
    bounds, catalogue = bounds_of(day_of(document, day)), catalogue_of(document)
    contributions = []
    with reader_turn(until=time.monotonic() + _PATIENCE):
        for one in files.open(bounds):
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
