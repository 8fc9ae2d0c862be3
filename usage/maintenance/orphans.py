"""Quarantines stored bytes that no row refers to, and removes them much later.

A crash between the bytes and their row, or between a row and the removal of its bytes,
leaves such a file; but so does a database that was restored from an older copy, and
then they are customers' files that were acknowledged. The bytes of a row are never
touched here. A copy of the portal removes nothing from a store on S3: that is the
original's too, whose newer files have no rows in the copy.
"""

import logging
import re
from collections.abc import Callable, Iterable, Iterator
from datetime import date, datetime, timedelta
from itertools import islice
from uuid import UUID

from django.db import OperationalError

from portal.db import unit_of_work
from portal.mail import switch as mail_switch
from usage.maintenance import retention
from usage.models import Report, ReportFindings, UsageFile, reports
from usage.storage import store
from usage.storage.s3_client import BucketError
from usage.storage.spool import remove_spooled

logger = logging.getLogger(__name__)

# Far more than any request takes from its first byte to its row (a body may take ten
# minutes), and than the clocks of two machines may differ.
SAFE_AGE = timedelta(days=1)

# How long they stay in quarantine, so that somebody can still upload them again.
KEPT_APART = timedelta(days=60)

# Crashes leave a handful. Many are files whose rows went missing, as after a database
# was restored from an older copy: then all stay before a person has looked.
MOST = 100

# Names that are looked up at a time.
_NAMES = 1_000

# How `Spool.keep` names a file. Anything else is not the portal's, and stays.
OURS = re.compile(
    r"\d{1,9}/[0-9a-f]{2}/(?P<id>[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12})\.usg",
    re.ASCII,
)

# Codes of findings; `usage.forwarding.text` has their sentences.
LEFTOVER_SET_APART = "leftover-set-apart"
TOO_MANY_LEFTOVERS = "too-many-leftovers"
NAME_UNKNOWN = "name-unknown"


def remove_orphans(*, now: Callable[[], datetime], most: int = MOST) -> Report:
    """Quarantine bytes without a row; remove bytes whose time to be kept is over.

    Args:
        now: the clock.
        most: leftovers that are set apart; if there are more, none is.

    """
    begun = reports.begin(reports.ReportKind.COLLECTION, at=now())
    found, problem = ReportFindings(), ""
    before = begun.begun_at - SAFE_AGE
    if store.is_remote() and _is_restored_copy():
        logger.warning("A copy of the portal removes nothing from the store on S3")
        problem = mail_switch.RESTORED_COPY
        return reports.end(begun, found, at=now(), problem=problem)
    try:
        _set_leftovers_apart(found, before=before, most=most, on=begun.begun_at.date())
        _remove_apart(found, before=(begun.begun_at - KEPT_APART).date())
        found.count("spooled", remove_spooled(before=before))
    except OSError:
        logger.exception("The stored files could not be looked through")
        problem = store.STORE_AWAY
    try:
        retention.remove_old_bytes(found, now=now)
    except BucketError as error:
        logger.warning("S3 could not be asked before bytes go: %s", error.code)
        problem = problem or error.code
    except OSError:
        logger.exception("Bytes whose time is over could not be removed")
        problem = store.STORE_AWAY
    return reports.end(begun, found, at=now(), problem=problem)


def _is_restored_copy() -> bool:
    with unit_of_work.acting_for(unit_of_work.STAFF):
        return mail_switch.send_permission().held == mail_switch.RESTORED_COPY


def _set_leftovers_apart(
    found: ReportFindings, *, before: datetime, most: int, on: date
) -> None:
    leftovers = list(islice(_leftovers(found, before=before), most + 1))
    if len(leftovers) > most:
        logger.critical("More than %s stored files have no row: all stay", most)
        for name in leftovers:
            found.note(TOO_MANY_LEFTOVERS, about=name)
        return
    failure: OSError | None = None
    for name in leftovers:
        try:
            is_apart = _set_apart(name, before=before, on=on)
        except OperationalError:
            found.count("left for the next run")  # the tenant's lock is not to be had
            continue
        except OSError as error:
            # A file that cannot be moved must not stop the others.
            failure = error
            found.count("left for the next run")
            continue
        if is_apart:
            logger.warning("Set %s apart, which no row answers for", name)
            found.note(LEFTOVER_SET_APART, about=name)
    if failure is not None:
        raise failure


def _set_apart(name: str, *, before: datetime, on: date) -> bool:
    """Quarantine one, unless a row names it again; False if so."""
    tenant_id, _, last = name.split("/")
    with unit_of_work.acting_for(int(tenant_id), holding=True):
        files = UsageFile.objects.filter(pk=UUID(last.removesuffix(".usg")))
        has_row = files.filter(stored_as=name).exists()
        if has_row or not store.is_older_than(name, than=before):
            return False
        store.quarantine(name, on=on)
    return True


def _remove_apart(found: ReportFindings, *, before: date) -> None:
    for name in store.names(store.QUARANTINE):
        day = name.split("/")[1]
        if re.fullmatch(r"\d{4}-\d\d-\d\d", day) and day < str(before):
            store.remove(name)
            found.count("leftovers-removed")


def _leftovers(found: ReportFindings, *, before: datetime) -> Iterator[str]:
    """Yield old files without a row."""
    names = store.names()
    while batch := list(islice(names, _NAMES)):
        found.count("stored", len(batch))
        ours = {name: UUID(one["id"]) for name, one in _matched(batch, found)}
        # Names first, rows afterwards: a row that was made meanwhile is seen.
        with unit_of_work.acting_for(unit_of_work.STAFF, reading=True):
            files = UsageFile.objects.filter(pk__in=ours.values())
            answered = set(files.values_list("stored_as", flat=True))
        for name in ours:
            if name not in answered and store.is_older_than(name, than=before):
                yield name


def _matched(
    names: Iterable[str], found: ReportFindings
) -> Iterator[tuple[str, re.Match[str]]]:
    for name in names:
        one = OURS.fullmatch(name)
        if one is None:
            found.note(NAME_UNKNOWN, about=name)
        else:
            yield name, one
