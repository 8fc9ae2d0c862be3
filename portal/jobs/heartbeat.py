"""Records and loads the time at which each task last succeeded, in the cache.

The cache may be emptied: only a metric depends on it. Both functions run outside of
any unit of work, whose roles have no right to the cache.
"""

import logging
from collections.abc import Collection
from datetime import datetime

from django.core.cache import cache

logger = logging.getLogger(__name__)

_PREFIX = "pulse:"


def record(task: str, *, at: datetime) -> None:
    """Record that a task has succeeded; a failing cache is only logged."""
    try:
        cache.set(f"{_PREFIX}{task}", at.timestamp(), timeout=None)
    except Exception as error:  # noqa: BLE001 - any failure of the cache
        logger.warning("The success of %s was not noted: %s", task, error)


def last_successes(tasks: Collection[str]) -> dict[str, float]:
    """Return the last success of each task that has one, in seconds since 1970."""
    found = cache.get_many([f"{_PREFIX}{task}" for task in tasks])
    return {name.removeprefix(_PREFIX): float(at) for name, at in found.items()}
