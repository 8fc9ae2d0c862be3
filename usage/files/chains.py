"""Queries of accepted files by their places in chains, days and instants.

They run several times for every received file, so each is one plain statement:
building it anew took longer than executing it. Each runs in the caller's unit of work,
which decides whose files it sees.
"""

from collections.abc import Collection
from datetime import UTC, date, datetime, timedelta
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


class ChainNeighbour(NamedTuple):
    """An accepted file next to another; instants are aware and in UTC."""

    sequence: int
    day: date
    opened_at: datetime
    closed_at: datetime
    zone: str

    @property
    def days(self) -> tuple[date, ...]:
        return self.day, self.opened_at.date(), self.closed_at.date()


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

_NEIGHBOURS = """
(select sequence, day, opened_at, closed_at, zone from usage_usagefile
 where state = 'accepted' and server_id = %(server)s and series = %(series)s
   and sequence < %(sequence)s
 order by sequence desc limit 1)
union all
(select sequence, day, opened_at, closed_at, zone from usage_usagefile
 where state = 'accepted' and server_id = %(server)s and series = %(series)s
   and sequence > %(sequence)s
 order by sequence limit 1)
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


def neighbours_of(
    file: UsageFile,
) -> tuple[ChainNeighbour | None, ChainNeighbour | None]:
    """Return the accepted files next to one in its series, before and after it."""
    params = {
        "server": file.server_id,
        "series": file.series,
        "sequence": file.sequence,
    }
    with connection.cursor() as cursor:
        cursor.execute(_NEIGHBOURS, params)
        found = [ChainNeighbour._make(row) for row in cursor.fetchall()]
    number = file.sequence or 0
    before = next((one for one in found if one.sequence < number), None)
    after = next((one for one in found if one.sequence > number), None)
    return before, after
