"""When each task last did its work without failing, as far as that is remembered.

It stands in the cache, which may be emptied: nothing rests on it but a figure for
whoever watches. Outside of any unit of work, whose roles have no right to the cache.
"""

import logging
from collections.abc import Collection
from datetime import datetime

from django.core.cache import cache

logger = logging.getLogger(__name__)

_PREFIX = "pulse:"


def record(task: str, *, at: datetime) -> None:
    """Remember that a task has succeeded; that it cannot be is no reason to fail."""
    try:
        cache.set(f"{_PREFIX}{task}", at.timestamp(), timeout=None)
    except Exception as error:  # noqa: BLE001 - whatever keeps the cache away
        logger.warning("The success of %s was not noted: %s", task, error)


def last_successes(tasks: Collection[str]) -> dict[str, float]:
    """Return for tasks of which it is known when they last succeeded, since 1970."""
    found = cache.get_many([f"{_PREFIX}{task}" for task in tasks])
    return {name.removeprefix(_PREFIX): float(at) for name, at in found.items()}
