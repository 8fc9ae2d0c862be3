"""Checks the readiness of each part of this installation; apps register parts.

A part that fails keeps the portal from serving. One that is degraded does not: work
waits in rows until it is back.
"""

import logging
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from django.conf import settings
from django.db import connection
from django.db.migrations.executor import MigrationExecutor
from redis import Redis

from portal.db import unit_of_work

logger = logging.getLogger(__name__)

# How long the states are cached, so that many requests check the parts once.
_KEEP_FOR = timedelta(seconds=2)

# The part that others depend on; it is checked first.
DATABASE = "database"

# Seconds for the broker, which answers in a millisecond or is away.
_BROKER_TIMEOUT = 1


class Health(StrEnum):
    OK = "ok"
    DEGRADED = "degraded"
    FAILING = "failing"


@dataclass(frozen=True, slots=True, kw_only=True)
class ReadinessPart:
    """`check` returns the state of the part; `otherwise` is its state if that fails."""

    name: str
    check: Callable[[datetime], Health]
    otherwise: Health = Health.FAILING
    needs_database: bool = False
    """Not checked while the database is away: each check would wait for it anew."""


_parts: list[ReadinessPart] = []
_lock = threading.Lock()
_cached: tuple[datetime, Mapping[str, Health]] | None = None


def register(*parts: ReadinessPart) -> None:
    """Register parts; called once from `AppConfig.ready`."""
    _parts.extend(parts)


def clear_cache() -> None:
    """Drop the cached states; for tests."""
    global _cached  # noqa: PLW0603 - one cache of the whole process
    _cached = None


def part_states(*, at: datetime) -> Mapping[str, Health]:
    """Return the state of every part."""
    global _cached  # noqa: PLW0603 - one cache of the whole process
    with _lock:
        if _cached is None or not _cached[0] <= at < _cached[0] + _KEEP_FOR:
            _cached = (at, _check_all(at))
        return _cached[1]


def worst(states: Mapping[str, Health]) -> Health:
    for state in (Health.FAILING, Health.DEGRADED):
        if state in states.values():
            return state
    return Health.OK


def _check_all(at: datetime) -> dict[str, Health]:
    states: dict[str, Health] = {}
    for part in _parts:
        is_away = states.get(DATABASE) == Health.FAILING
        states[part.name] = (
            part.otherwise if part.needs_database and is_away else _check(part, at)
        )
    return states


def _check(part: ReadinessPart, at: datetime) -> Health:
    try:
        return part.check(at)
    except Exception as error:  # noqa: BLE001 - a part may fail in any way it likes
        logger.warning("%s is %s: %r", part.name, part.otherwise, error)
        return part.otherwise


def _database(_at: datetime) -> Health:
    with (
        unit_of_work.acting_for(unit_of_work.STAFF, reading=True),
        connection.cursor() as cursor,
    ):
        cursor.execute("select 1")
    return Health.OK


_is_migrated = False


def _migrations(_at: datetime) -> Health:
    # Checked until it is true: newer code starts in a new process.
    global _is_migrated  # noqa: PLW0603 - of this process, for good
    if not _is_migrated:
        executor = MigrationExecutor(connection)
        wanted = executor.loader.graph.leaf_nodes()
        _is_migrated = not executor.migration_plan(wanted)
    return Health.OK if _is_migrated else Health.FAILING


def _broker(_at: datetime) -> Health:
    with Redis.from_url(
        settings.BROKER_URL,
        socket_timeout=_BROKER_TIMEOUT,
        socket_connect_timeout=_BROKER_TIMEOUT,
    ) as broker:
        broker.ping()
    return Health.OK


register(
    ReadinessPart(name=DATABASE, check=_database),
    ReadinessPart(name="migrations", check=_migrations, needs_database=True),
    ReadinessPart(name="broker", check=_broker, otherwise=Health.DEGRADED),
)
