"""Queries of accepted files by their places in chains, days and instants.

They run for every received file, refresh and calendar page, so each is one statement:
building it anew took longer than executing it. Each runs in the caller's unit of work,
which decides whose files it sees.
"""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from itertools import groupby, pairwise
from typing import Any, NamedTuple
from uuid import UUID

from django.db import connection

# A file's local day is at most one day away from the dates of its instants in UTC,
# and what it leaves open reaches at most one day further.
_ROOM = timedelta(days=2)

# Later than everything.
_EVER = datetime.max.replace(tzinfo=UTC)


class ChainFile(NamedTuple):
    """An accepted file; instants are aware and in UTC, offsets minutes east of it.

    `received_at` is since when it counts as here: see `UsageFile.came_at`.
    """

    server: str
    series: UUID
    sequence: int
    sha256: bytes
    previous: bytes | None
    day: date
    opened_at: datetime
    closed_at: datetime
    opened_offset: int
    closed_offset: int
    closed_by: str
    zone: str
    received_at: datetime


# The dates that a file lies between, and those of its neighbours by number: an end of a
# series, and every pair that touches the days or spans them.
_AROUND = """
select s.name, f.series, f.sequence, f.sha256, f.previous, f.day, f.opened_at,
       f.closed_at, f.opened_offset, f.closed_offset, f.closed_by, f.zone, f.came_at
from (
    select *,
        lag(low) over chain as low_before, lag(high) over chain as high_before,
        lead(low) over chain as low_after, lead(high) over chain as high_after
    from (
        select *, coalesce(here_since, received_at) as came_at,
            least(day, (opened_at at time zone 'UTC')::date,
                  (closed_at at time zone 'UTC')::date) as low,
            greatest(day, (opened_at at time zone 'UTC')::date,
                     (closed_at at time zone 'UTC')::date) as high
        from usage_usagefile
        where state = 'accepted' and coalesce(here_since, received_at) < %(before)s
    ) as dated
    window chain as (partition by server_id, series order by sequence)
) as f
join usage_server s on s.id = f.server_id
where f.low_before is null or f.low_after is null
   or (least(f.low, f.low_before) <= %(last)s
       and greatest(f.high, f.high_before) >= %(first)s)
   or (least(f.low, f.low_after) <= %(last)s
       and greatest(f.high, f.high_after) >= %(first)s)
   or f.series = any(%(series)s) or f.server_id = any(%(servers)s)
"""

_FILES_OF_SERVER = """
select s.name, f.series, f.sequence, f.sha256, f.previous, f.day, f.opened_at,
       f.closed_at, f.opened_offset, f.closed_offset, f.closed_by, f.zone,
       coalesce(f.here_since, f.received_at),
       least(f.day, (f.opened_at at time zone 'UTC')::date,
             (f.closed_at at time zone 'UTC')::date),
       greatest(f.day, (f.opened_at at time zone 'UTC')::date,
                (f.closed_at at time zone 'UTC')::date)
from usage_usagefile f join usage_server s on s.id = f.server_id
where f.state = 'accepted' and f.server_id = %s
order by f.series, f.sequence
"""

# The zone of each server: that of the accepted file that was closed last.
_ZONES = """
select s.name, f.zone from usage_server s cross join lateral (
    select zone from usage_usagefile
    where server_id = s.id and state = 'accepted'
    order by closed_at desc, sequence desc limit 1
) f
"""


def accepted_since(at: datetime) -> bool:
    """Return whether an accepted file was received at an instant or after it."""
    with connection.cursor() as cursor:
        cursor.execute(
            "select exists (select from usage_usagefile"
            " where state = 'accepted' and received_at >= %s)",
            [at],
        )
        [found] = cursor.fetchall()
    return bool(found[0])


def accepted_around(
    first_day: date,
    last_day: date,
    *,
    received_before: datetime | None = None,
    whole_series: Collection[UUID] = (),
    whole_servers: Collection[int | None] = (),
) -> set[ChainFile]:
    """Return the accepted files that prove anything about some days.

    Of each server and series the first and the last file, and both of every two
    neighbours by number that touch the days or pass over them; a few more than that,
    as days are compared with some room. With `received_before`, only files
    received by then are neighbours. Series with files that wait for a decision are
    wanted whole: what acceptance would prove depends on their neighbours, whose days
    a wrong clock can have put anywhere. So are servers whose state is
    computed for several instants.
    """
    params: dict[str, Any] = {
        "before": received_before or _EVER,
        "first": first_day - _ROOM,
        "last": last_day + _ROOM,
        "series": list(whole_series),
        "servers": [one for one in whole_servers if one is not None],
    }
    with connection.cursor() as cursor:
        cursor.execute(_AROUND, params)
        return {ChainFile._make(row) for row in cursor.fetchall()}


@dataclass(frozen=True, slots=True)
class _DatedFile:
    """A file with the first and the last of the dates that it lies between."""

    file: ChainFile
    low: date
    high: date


class ServerFiles:
    """All accepted files of one server, to select from for several periods.

    `around` selects what `accepted_around` selects of this server, without a query.
    `zone` is that of the file that was closed last; None without files.
    """

    def __init__(self, server_id: int, files: Sequence[_DatedFile]) -> None:
        self._server_id = server_id
        self._files = files
        self.zone = max(
            ((one.file.closed_at, one.file.sequence, one.file.zone) for one in files),
            default=(None, None, None),
        )[-1]
        self.last_received_at = max(
            (one.file.received_at for one in files), default=None
        )

    def around(
        self,
        first_day: date,
        last_day: date,
        *,
        received_before: datetime | None = None,
        whole_series: Collection[UUID] = (),
        whole_servers: Collection[int | None] = (),
    ) -> set[ChainFile]:
        files = self._files
        if received_before is not None:
            files = [one for one in files if one.file.received_at < received_before]
        if self._server_id in whole_servers:
            return {one.file for one in files}
        first, last = first_day - _ROOM, last_day + _ROOM
        found: set[ChainFile] = set()
        for series, grouped in groupby(files, key=lambda one: one.file.series):
            run = list(grouped)
            if series in whole_series:
                found.update(one.file for one in run)
                continue
            found |= {run[0].file, run[-1].file}
            for earlier, later in pairwise(run):
                if (earlier.low <= last or later.low <= last) and (
                    earlier.high >= first or later.high >= first
                ):
                    found |= {earlier.file, later.file}
        return found


def files_of_server(server_id: int) -> ServerFiles:
    """Load all accepted files of a server; one query."""
    with connection.cursor() as cursor:
        cursor.execute(_FILES_OF_SERVER, [server_id])
        rows = cursor.fetchall()
    dated = [_DatedFile(ChainFile._make(row[:-2]), *row[-2:]) for row in rows]
    return ServerFiles(server_id, dated)


def last_zones() -> dict[str, str]:
    """Return the zone that each server was last seen in, by its name; one query."""
    with connection.cursor() as cursor:
        cursor.execute(_ZONES)
        return dict(cursor.fetchall())
