"""Finds out about which days a file can change what is proved."""

from datetime import UTC, date
from typing import Any, NamedTuple

from django.db import connection

from usage.models import UsageFile


class _Nearby(NamedTuple):
    """What a file's reach depends on, by `place`: see `_NEARBY`.

    `low` and `high` are the first and the last of the dates that it lies between.
    """

    place: int
    low: date | None
    high: date | None
    zone: str | None


# Places of `_Nearby`.
_BEFORE, _HELD, _AFTER, _LAST_CLOSED, _CAME_LATER = -1, 0, 1, 2, 3


# The first and the last of a file's dates.
_DATES = (
    "day, (opened_at at time zone 'UTC')::date, (closed_at at time zone 'UTC')::date"
)
_LOW, _HIGH = f"least({_DATES})", f"greatest({_DATES})"

# The accepted neighbours of a place in a series (-1, 1); the span of the server's held
# files (0): what one of those would prove lies between it and its own neighbours; the
# other file that the server closed last (2); whether an accepted file came later (3).
_NEARBY = f"""
(select -1, {_LOW}, {_HIGH}, null
 from usage_usagefile
 where state = 'accepted' and server_id = %(server)s and series = %(series)s
   and sequence < %(sequence)s
 order by sequence desc limit 1)
union all
(select 1, {_LOW}, {_HIGH}, null
 from usage_usagefile
 where state = 'accepted' and server_id = %(server)s and series = %(series)s
   and sequence > %(sequence)s
 order by sequence limit 1)
union all
select 0, min({_LOW}), max({_HIGH}), null
from usage_usagefile
where state = 'held' and server_id = %(server)s
having count(*) > 0
union all
(select 2, null, null, zone from usage_usagefile
 where state = 'accepted' and server_id = %(server)s and id <> %(id)s
 order by closed_at desc, sequence desc limit 1)
union all
select 3, null, null, null where exists (
    select from usage_usagefile
    where tenant_id = %(tenant)s and received_at > %(came_at)s
      and state = 'accepted' and server_id = %(server)s
)
"""  # noqa: S608 - made of constants alone


def reach_of(file: UsageFile) -> tuple[date | None, date | None]:
    """Return the first and the last day whose evidence a file can change.

    Its days reach to its neighbours in its series, and to files of the server that are
    held. None where it has no neighbour: the first file of a chain decides about all
    days before it, the last one about all after it. (None, None), for all days:

    - Another accepted file came later: as at a deadline in between, this one had other
      neighbours than it has now.
    - The file that the server closed last is of another zone: the zone that a server
      was last seen in ends all its missing days.
    - A person has decided about it: it may have had another day or another place.
    """
    if (
        (file.series is None or file.sequence is None or file.server_id is None)
        or (file.decided_at is not None or file.said_series is not None)
        or file.here_since is not None
    ):
        return None, None
    params: dict[str, Any] = {
        "tenant": file.tenant_id,
        "server": file.server_id,
        "series": file.series,
        "sequence": file.sequence,
        "id": file.pk,
        "came_at": file.came_at,
    }
    with connection.cursor() as cursor:
        cursor.execute(_NEARBY, params)
        found = {one.place: one for one in map(_Nearby._make, cursor.fetchall())}
    closed_last = found.pop(_LAST_CLOSED, None)
    if _CAME_LATER in found or (closed_last and closed_last.zone != file.zone):
        return None, None
    instants = (at for at in (file.opened_at, file.closed_at) if at is not None)
    days = [at.astimezone(UTC).date() for at in instants]
    days += [file.day] if file.day is not None else []
    lows = (one.low for one in found.values() if one.low is not None)
    highs = (one.high for one in found.values() if one.high is not None)
    first = min([*days, *lows]) if _BEFORE in found else None
    last = max([*days, *highs]) if _AFTER in found else None
    return first, last
