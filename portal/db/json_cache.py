"""The cache in the database, with values as JSON.

Django's own stores pickles, and reading a pickle runs whatever code it names: one row
that somebody writes would act in the processes that hold the master key.
"""

import json
import time
from collections.abc import Iterable
from datetime import UTC, datetime
from typing import Any

from django.core.cache.backends.base import DEFAULT_TIMEOUT
from django.core.cache.backends.db import DatabaseCache
from django.db import connections, router

# Expires after everything else; the year is Python's last.
_NEVER = datetime.max.replace(microsecond=0, tzinfo=UTC)


class JsonCache(DatabaseCache):
    """Django's cache in PostgreSQL, for values that JSON holds without a change.

    `set` and `add` raise TypeError or ValueError for any other value. A row that is no
    JSON, such as a pickle, is a miss.
    """

    _table: str
    _max_entries: int

    def get_many(
        self, keys: Iterable[Any], version: int | None = None
    ) -> dict[Any, Any]:
        named = {self.make_and_validate_key(key, version=version): key for key in keys}
        if not named:
            return {}
        connection = connections[router.db_for_read(self.cache_model_class)]
        with connection.cursor() as cursor:
            cursor.execute(
                f"select cache_key, value from {self._quoted(connection)}"  # noqa: S608 - the settings' own table
                " where cache_key = any(%s) and expires > %s",
                [list(named), _now()],
            )
            rows = cursor.fetchall()
        found = {}
        for key, text in rows:
            try:
                found[named[key]] = json.loads(text)
            except ValueError:
                # A miss: it is set anew, or expires.
                continue
        return found

    def _base_set(
        self, mode: str, key: str, value: Any, timeout: Any = DEFAULT_TIMEOUT
    ) -> bool:
        """Store a value in one statement, so that two at once do not collide."""
        text = _text(value)
        until = self.get_backend_timeout(timeout)
        expires = _NEVER if until is None else datetime.fromtimestamp(until, UTC)
        alias = router.db_for_write(self.cache_model_class)
        table = self._quoted(connections[alias])
        if mode == "touch":
            statement = (
                f"update {table} set expires = %(expires)s where cache_key = %(key)s"  # noqa: S608 - the settings' own table
            )
        else:
            statement = (
                f"insert into {table} as old (cache_key, value, expires)"  # noqa: S608 - the same
                " values (%(key)s, %(text)s, %(expires)s) on conflict (cache_key)"
                " do update set value = excluded.value, expires = excluded.expires"
            )
        if mode == "add":
            statement += " where old.expires <= %(now)s"
        with connections[alias].cursor() as cursor:
            self._cull_if_full(alias, cursor, table)
            cursor.execute(
                statement,
                {"key": key, "text": text, "expires": expires, "now": _now()},
            )
            return bool(cursor.rowcount)

    def _cull_if_full(self, alias: str, cursor: Any, table: str) -> None:
        cursor.execute(f"select count(*) from {table}")  # noqa: S608 - the settings' own table
        [count] = cursor.fetchone()
        if count > self._max_entries:
            self._cull(alias, cursor, _now(), count)  # type: ignore[attr-defined]  # the stubs leave it out

    def _quoted(self, connection: Any) -> str:
        quoted: str = connection.ops.quote_name(self._table)
        return quoted


def _text(value: Any) -> str:
    text = json.dumps(value, allow_nan=False)
    if json.loads(text) != value:
        # A tuple would come back as a list, the keys of a dict as text.
        message = f"The cache holds JSON, which changes a {type(value).__name__}."
        raise TypeError(message)
    return text


def _now() -> datetime:
    return datetime.fromtimestamp(time.time(), UTC)
