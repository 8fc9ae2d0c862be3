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

from usage.models import UsageFile

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


class _Nearby(NamedTuple):
    """Dates of an accepted file before (-1) or after (1) another, or of held files (0).

    `low` and `high` are the first and the last of the dates that it lies between.
    """

    place: int
    low: date
    high: date
    zone: str | None


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

# The accepted neighbours of a place in a series, and the span of the server's held
# files: what one of those would prove lies between it and its own neighbours.
_NEARBY = """
(select -1, least(day, (opened_at at time zone 'UTC')::date,
                  (closed_at at time zone 'UTC')::date),
        greatest(day, (opened_at at time zone 'UTC')::date,
                 (closed_at at time zone 'UTC')::date), zone
 from usage_usagefile
 where state = 'accepted' and server_id = %(server)s and series = %(series)s
   and sequence < %(sequence)s
 order by sequence desc limit 1)
union all
(select 1, least(day, (opened_at at time zone 'UTC')::date,
                 (closed_at at time zone 'UTC')::date),
        greatest(day, (opened_at at time zone 'UTC')::date,
                 (closed_at at time zone 'UTC')::date), zone
 from usage_usagefile
 where state = 'accepted' and server_id = %(server)s and series = %(series)s
   and sequence > %(sequence)s
 order by sequence limit 1)
union all
select 0, min(least(day, (opened_at at time zone 'UTC')::date,
                    (closed_at at time zone 'UTC')::date)),
       max(greatest(day, (opened_at at time zone 'UTC')::date,
                    (closed_at at time zone 'UTC')::date)), null
from usage_usagefile
where state = 'held' and server_id = %(server)s
having count(*) > 0
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
    """

    def __init__(self, server_id: int, files: Sequence[_DatedFile]) -> None:
        self._server_id = server_id
        self._files = files
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


def reach_of(file: UsageFile) -> tuple[date | None, date | None]:
    """Return the first and the last day whose evidence a file can change.

    Its days reach to its neighbours in its series, and to files of the server that are
    held. None where it has no neighbour: the first file of a chain decides about all
    days before it, the last one about all after it. None also where a neighbour is of
    another zone: the zone that a server was last seen in ends all its missing days.
    """
    if file.series is None or file.sequence is None or file.server_id is None:
        return None, None
    first, last = _reach_at(file, file.series, file.sequence)
    if file.said_series is not None and file.said_sequence is not None:
        # Its former place in another series, and the neighbours there.
        before, after = _reach_at(file, file.said_series, file.said_sequence)
        first = min(first, before) if first and before else None
        last = max(last, after) if last and after else None
    return first, last


def _reach_at(
    file: UsageFile, series: UUID, sequence: int
) -> tuple[date | None, date | None]:
    params = {"server": file.server_id, "series": series, "sequence": sequence}
    with connection.cursor() as cursor:
        cursor.execute(_NEARBY, params)
        found = [_Nearby._make(row) for row in cursor.fetchall()]
    if any(one.zone not in (None, file.zone) for one in found):
        return None, None
    places = {one.place for one in found}
    instants = [at for at in (file.opened_at, file.closed_at) if at is not None]
    days = [at.astimezone(UTC).date() for at in instants]
    days += [file.day] if file.day is not None else []
    first = min([*days, *(one.low for one in found)]) if -1 in places else None
    last = max([*days, *(one.high for one in found)]) if 1 in places else None
    return first, last
