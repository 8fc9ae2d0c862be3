"""Stored bytes that no row answers for are removed once they are old enough.

A crash between the bytes and their row, or between a row and the removal of its bytes,
leaves such a file. The other way round there is nothing to collect: the bytes of a row
are never touched here.
"""

import logging
import re
from collections.abc import Callable, Iterable, Iterator
from datetime import datetime, timedelta
from itertools import islice
from uuid import UUID

from portal import access
from usage import report, retaining, store
from usage.bucket import BucketError
from usage.models import UsageFile
from usage.report import Findings, Report

logger = logging.getLogger(__name__)

# Far more than any request takes from its first byte to its row (a body may take ten
# minutes), and than clocks of two machines may differ.
SAFE_AGE = timedelta(days=1)

# Crashes leave a handful. Many are files whose rows went missing, as after a database
# was restored from an older copy: then nothing is removed before a person has looked.
MOST = 100

# Names that are looked up at a time.
_NAMES = 1_000

# How `Spool.keep` names a file. Anything else is not the portal's, and stays.
_OURS = re.compile(r"\d+/[0-9a-f]{2}/(?P<id>[0-9a-f-]{36})\.usg", re.ASCII)

# Codes of findings; `usage.troubles` has their sentences.
LEFTOVER_REMOVED = "leftover-removed"
TOO_MANY_LEFTOVERS = "too-many-leftovers"
NAME_UNKNOWN = "name-unknown"
STORE_AWAY = "store-away"


def collect(*, now: Callable[[], datetime], most: int = MOST) -> Report:
    """Remove what is left over, and the bytes whose time to be kept is over.

    Args:
        now: the clock.
        most: leftovers that are removed; with more than that none is.

    """
    begun = report.begin(report.Kind.COLLECTION, at=now())
    found, problem = Findings(), ""
    before = begun.begun_at - SAFE_AGE
    try:
        _remove_leftovers(found, before=before, most=most)
        found.count("spooled", store.remove_spooled(before=before))
    except OSError:
        logger.exception("The stored files could not be looked through")
        problem = STORE_AWAY
    try:
        retaining.remove_old_bytes(found, now=now)
    except BucketError as error:
        logger.warning("S3 could not be asked before bytes go: %s", error.code)
        problem = problem or error.code
    return report.end(begun, found, at=now(), problem=problem)


def _remove_leftovers(found: Findings, *, before: datetime, most: int) -> None:
    leftovers = list(islice(_leftovers(found, before=before), most + 1))
    if len(leftovers) > most:
        logger.critical("More than %s stored files have no row: none is removed", most)
        for name in leftovers:
            found.note(TOO_MANY_LEFTOVERS, about=name)
        return
    for name in leftovers:
        store.remove(name)
        logger.warning("Removed %s, which no row answers for", name)
        found.note(LEFTOVER_REMOVED, about=name)


def _leftovers(found: Findings, *, before: datetime) -> Iterator[str]:
    """Yield old files without a row."""
    names = store.names()
    while batch := list(islice(names, _NAMES)):
        found.count("stored", len(batch))
        ours = {name: UUID(one["id"]) for name, one in _matched(batch, found)}
        # Names first, rows afterwards: a row that was made meanwhile is seen.
        with access.acting_for(access.STAFF, reading=True):
            files = UsageFile.objects.filter(pk__in=ours.values())
            answered = set(files.values_list("stored_as", flat=True))
        for name in ours:
            if name not in answered and store.is_older(name, than=before):
                yield name


def _matched(
    names: Iterable[str], found: Findings
) -> Iterator[tuple[str, re.Match[str]]]:
    for name in names:
        one = _OURS.fullmatch(name)
        if one is None:
            found.note(NAME_UNKNOWN, about=name)
        else:
            yield name, one
