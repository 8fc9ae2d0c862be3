"""Pauses all mail for a moment after the mail server did not answer.

A server that hangs takes a worker a minute for each mail, and each kind of mail has its
own task: without a pause, mail could keep all workers busy. The pause is in the cache,
which all processes share and the roles of a unit of work have no right to: call these
functions outside of units of work. It may be lost; that costs one more try.
"""

import logging
from datetime import datetime, timedelta

from django.core.cache import cache

logger = logging.getLogger(__name__)

_KEY = "mail-paused-until"

# Shorter than the minute between two runs: each tries one mail.
LENGTH = timedelta(seconds=45)


def begin(*, at: datetime) -> None:
    """Begin a pause; a failing cache is only logged."""
    until = (at + LENGTH).timestamp()
    try:
        cache.set(_KEY, until, timeout=LENGTH.total_seconds())
    except Exception as error:  # noqa: BLE001 - any failure of the cache
        logger.warning("The pause of mail could not be stored: %s", error)


def is_on(*, at: datetime) -> bool:
    """Return whether mail pauses; False if the cache fails."""
    try:
        until = cache.get(_KEY)
    except Exception as error:  # noqa: BLE001 - any failure of the cache
        logger.warning("The pause of mail could not be read: %s", error)
        return False
    # A clock that was set back ends the pause, too.
    return until is not None and at.timestamp() < until <= (at + LENGTH).timestamp()
