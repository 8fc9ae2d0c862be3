"""Counts tries in PostgreSQL, each by one atomic statement, for all processes at once.

The rows are in the table of the cache. A count is a window: it begins with the first
try and ends after its time. Tries beyond the limit are not counted, so trying again
does not prolong the wait.
"""

import hashlib
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.db import connection

# The rows of the cache have keys of other forms.
_KEY = "portal:count:"

# Any other value is not a count: start again.
_COUNT = "case when old.value ~ '^[0-9]{1,9}$' then old.value::bigint else 0 end"

_TAKE = f"""
insert into portal_cache as old (cache_key, value, expires)
values (%(key)s, '1', %(until)s)
on conflict (cache_key) do update set
    value = case when old.expires <= %(at)s then '1' else ({_COUNT} + 1)::text end,
    expires = case when old.expires <= %(at)s then excluded.expires else old.expires end
where old.expires <= %(at)s or {_COUNT} < %(most)s
"""  # noqa: S608 - its own constant

_GIVE_BACK = f"""
update portal_cache as old set value = greatest({_COUNT} - 1, 0)::text
where cache_key = %(key)s and expires > %(at)s
"""  # noqa: S608 - the same


@dataclass(frozen=True, slots=True)
class Counter:
    """What is counted, how many there may be, and within which time.

    `name` may hold what people type: it is stored as a hash.
    """

    name: str
    most: int
    window: timedelta

    @property
    def key(self) -> str:
        """The key of its row; the limit is no part of it."""
        return _KEY + hashlib.sha256(self.name.encode(errors="replace")).hexdigest()


def take(counter: Counter, *, at: datetime) -> datetime | None:
    """Count one; return when the window is over if the limit was reached, else None.

    Call it outside of units of work, whose roles have no right to the table.
    """
    values: dict[str, str | int | datetime] = {
        "key": counter.key,
        "most": counter.most,
        "at": at,
        "until": at + counter.window,
    }
    with connection.cursor() as cursor:
        cursor.execute(_TAKE, values)
        if cursor.rowcount:
            return None
        cursor.execute(
            "select expires from portal_cache where cache_key = %s", [counter.key]
        )
        row = cursor.fetchone()
    until: datetime = row[0] if row else at
    return until


def give_back(counter: Counter, *, at: datetime) -> None:
    """Take back one that was counted."""
    with connection.cursor() as cursor:
        cursor.execute(_GIVE_BACK, {"key": counter.key, "at": at})


def clear(counter: Counter) -> None:
    """Begin a count anew."""
    with connection.cursor() as cursor:
        cursor.execute("delete from portal_cache where cache_key = %s", [counter.key])


def remove_expired(*, at: datetime, most: int) -> int:
    """Remove rows of the cache whose time is over, `most` at once; return how many."""
    with connection.cursor() as cursor:
        cursor.execute(
            "delete from portal_cache where cache_key in"
            " (select cache_key from portal_cache where expires <= %s limit %s)",
            [at, most],
        )
        return int(cursor.rowcount)
