"""Explains a day of a statement: what each file contributes to its figures."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime
from uuid import UUID

from billing.statements import refresh
from billing.statements.compute.days import LineDay, compute_day
from billing.statements.day_files import DayFiles, bounds_of, catalogue_of, day_of
from billing.statements.inputs import CountedFile
from billing.statements.queries import ServedStatement


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
    lines: Mapping[str, LineDay]


def file_contributions(
    tenant_id: int, found: ServedStatement, day: date
) -> list[FileContribution]:
    """Return the share of each listed file in a day, by server and number.

    Begins and ends units of work of its own.

    Raises:
        Refused: the statement has no such day, or a file of it no longer counts.
        Unavailable: a file cannot be read at the moment.

    """
    document = found.content()
    bounds, catalogue = bounds_of(day_of(document, day)), catalogue_of(document)
    shares = []
    with refresh.reader_lock:
        for one in DayFiles.of(tenant_id, found).open(bounds):
            usage = compute_day([one.rows], bounds, catalogue)
            if usage.is_touched:
                shares.append(_share(one.counted, usage.lines))
    return sorted(shares, key=lambda one: (one.server, one.sequence))


def _share(one: CountedFile, lines: Mapping[str, LineDay]) -> FileContribution:
    file = one.file
    return FileContribution(
        file_id=file.pk,
        name=file.name,
        server=file.server.name if file.server else "",
        sequence=file.sequence or 0,
        sha256=one.sha256,
        received_at=file.received_at,
        lines=lines,
    )
