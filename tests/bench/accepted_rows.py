"""Rows that accepted files leave, with their audit entries, for copying."""

import hashlib
import json
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from itertools import pairwise
from operator import itemgetter
from typing import Any
from uuid import uuid4
from zoneinfo import ZoneInfo

import psycopg
from psycopg import sql

from billing.coverage.periods import Period
from portal.audit import log as audit_log
from portal.models import AuditEntry
from tests.builders import Writer

ONE_DAY = timedelta(days=1)

# A column's name and its value, of one row.
Row = dict[str, Any]


@dataclass(frozen=True, slots=True)
class _Midnight:
    at: datetime
    offset: int


class FileRows:
    """Rows of accepted files whose bytes are in the archive alone."""

    def __init__(
        self,
        tenant_id: int,
        days: Sequence[date],
        *,
        zone: str,
        logins: int,
        at: datetime,
    ) -> None:
        self._days = days
        ends = (*days, days[-1] + ONE_DAY)
        self._bounds = list(pairwise(_midnight(day, ZoneInfo(zone)) for day in ends))
        self._at = at
        self._same = {
            "tenant_id": tenant_id,
            "state": "accepted",
            "name": "day.usg",
            "size": 38_000,
            "how": "api",
            "sent_by": "bench",
            "stored_as": "",
            "problems": "[]",
            "zone": zone,
            "closed_by": "midnight",
            "sessions": logins,
            "logins": logins,
            "users": 280,
        }

    def of_server(self, writer: Writer, server_id: int, place: int) -> Iterator[Row]:
        """Yield a server's files in order; leave the writer where its chain ends."""
        same = self._same | {"server_id": server_id, "signer": writer.pair.public}
        for day, (opened, closed) in zip(self._days, self._bounds, strict=True):
            writer.sequence += 1
            seed = f"{writer.series} {writer.sequence}".encode()
            received_at = self._received_at(day, closed.at, place)
            sha256 = hashlib.sha256(seed).digest()
            yield {
                **same,
                "id": uuid4(),
                "sha256": sha256,
                "tail": hashlib.sha512(seed).digest(),
                "received_at": received_at,
                "settled_at": received_at,
                "bytes_removed_at": received_at + timedelta(minutes=2),
                "series": writer.series,
                "sequence": writer.sequence,
                "previous": writer.previous,
                "day": day,
                "opened_at": opened.at,
                "closed_at": closed.at,
                "opened_offset": opened.offset,
                "closed_offset": closed.offset,
            }
            writer.previous = sha256

    def _received_at(self, day: date, closed_at: datetime, place: int) -> datetime:
        """Return the third day after the period, or the next morning in a new one."""
        sent_on = Period.containing(day).ends_on + 3 * ONE_DAY
        month = datetime.combine(sent_on, time(9), UTC) + timedelta(minutes=place)
        return month if month < self._at else closed_at + timedelta(hours=6)


def _midnight(day: date, zone: ZoneInfo) -> _Midnight:
    local = datetime.combine(day, time(), zone)
    offset = local.utcoffset()
    assert offset is not None
    return _Midnight(local.astimezone(UTC), int(offset.total_seconds() // 60))


def audit_rows(files: Iterable[Row], *, after: AuditEntry) -> Iterator[Row]:
    """Yield an entry for each acceptance, which continue the trail after an entry."""
    number, previous = after.number, bytes(after.digest)
    for file in sorted(files, key=itemgetter("received_at")):
        number += 1
        details = {
            "name": file["name"],
            "sha256": file["sha256"].hex(),
            "problems": "",
        }
        entry = AuditEntry(
            tenant_id=file["tenant_id"],
            number=number,
            at=file["received_at"],
            actor=file["sent_by"],
            act="file-accepted",
            subject=str(file["id"]),
            details=details,
            previous=previous,
        )
        previous = audit_log.digest_of(entry)
        yield {
            "tenant_id": entry.tenant_id,
            "number": number,
            "at": entry.at,
            "actor": entry.actor,
            "act": entry.act,
            "subject": entry.subject,
            "details": json.dumps(details),
            "previous": entry.previous,
            "digest": previous,
        }


# Tables with row security take no COPY.
_COPY = """
create temporary table bench_copied on commit drop as
  select {columns} from {table} with no data;
copy bench_copied from stdin;
insert into {table} ({columns}) select * from bench_copied;
drop table bench_copied
"""


def copy(cursor: psycopg.Cursor[Any], table: str, rows: Sequence[Row]) -> None:
    """Copy rows with the same columns into a table, by way of a temporary one."""
    columns = list(rows[0])
    names = {
        "table": sql.Identifier(table),
        "columns": sql.SQL(", ").join(map(sql.Identifier, columns)),
    }
    make, load, *move = _COPY.split(";")
    cursor.execute(sql.SQL(make).format(**names))
    with cursor.copy(load) as copying:
        for row in rows:
            copying.write_row([row[column] for column in columns])
    for statement in move:
        cursor.execute(sql.SQL(statement).format(**names))
