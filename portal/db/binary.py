"""Runs statements whose results the server sends in binary form, for long lists.

Django binds parameters in the client and reads instants in Python, one by one. For a
page of tenants that takes as long as the query itself.
"""

from collections.abc import Mapping
from typing import Any

import psycopg
from django.db import connection
from psycopg.sql import Composable


def fetch_all(
    statement: Composable, parameters: Mapping[str, Any], *, prepare: bool = False
) -> list[tuple[Any, ...]]:
    """Run a statement in the running unit of work and return its rows.

    Instants are aware, in UTC. The server infers the types of the parameters. With
    `prepare` it plans the statement once for each connection: for a statement whose
    text is always the same, and whose best plan does not depend on its parameters.
    """
    connection.ensure_connection()
    raw = connection.connection
    plain = psycopg.Cursor(raw)
    # Django turns preparing off for its connections; 0 means at the first time.
    raw.prepare_threshold = 0 if prepare else None
    with connection._prepare_cursor(plain) as cursor:  # type: ignore[attr-defined]  # logs and counts the query as Django does
        plain.format = psycopg.pq.Format.BINARY
        try:
            cursor.execute(statement, parameters)
        finally:
            raw.prepare_threshold = None
        return list(cursor.fetchall())
