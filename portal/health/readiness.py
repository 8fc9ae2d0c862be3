"""Whether this installation can do its work, part by part; apps register theirs.

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

# An answer holds so long: however many ask, the parts are asked this often.
_KEEP_FOR = timedelta(seconds=2)

# The part that others ask; it stands first.
DATABASE = "database"

# Seconds for the broker, which answers in a millisecond or is away.
_BROKER_TIMEOUT = 1


class Health(StrEnum):
    OK = "ok"
    DEGRADED = "degraded"
    FAILING = "failing"


@dataclass(frozen=True, slots=True, kw_only=True)
class ReadinessPart:
    """`check` returns its state; `otherwise` is the one if that fails."""

    name: str
    check: Callable[[datetime], Health]
    otherwise: Health = Health.FAILING
    asks_database: bool = False
    """Not asked where the database is away: each would wait for it anew."""


_parts: list[ReadinessPart] = []
_lock = threading.Lock()
_known: tuple[datetime, Mapping[str, Health]] | None = None


def register(*parts: ReadinessPart) -> None:
    """Add parts; called once from `AppConfig.ready`."""
    _parts.extend(parts)


def forget() -> None:
    """Ask all parts anew the next time; for tests."""
    global _known  # noqa: PLW0603 - one answer of the whole process
    _known = None


def part_states(*, at: datetime) -> Mapping[str, Health]:
    """Return the state of every part."""
    global _known  # noqa: PLW0603 - one answer of the whole process
    with _lock:
        if _known is None or not _known[0] <= at < _known[0] + _KEEP_FOR:
            _known = (at, _ask_all(at))
        return _known[1]


def worst(states: Mapping[str, Health]) -> Health:
    for state in (Health.FAILING, Health.DEGRADED):
        if state in states.values():
            return state
    return Health.OK


def _ask_all(at: datetime) -> dict[str, Health]:
    states: dict[str, Health] = {}
    for part in _parts:
        is_away = states.get(DATABASE) == Health.FAILING
        states[part.name] = (
            part.otherwise if part.asks_database and is_away else _ask(part, at)
        )
    return states


def _ask(part: ReadinessPart, at: datetime) -> Health:
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
    # Asked until it is so: newer code comes with a new process.
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
    ReadinessPart(name="migrations", check=_migrations, asks_database=True),
    ReadinessPart(name="broker", check=_broker, otherwise=Health.DEGRADED),
)
