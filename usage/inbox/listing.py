"""Lists the tenants' inboxes page by page, and adds a row for each new object.

Servers upload by themselves into a bucket, each tenant's below a prefix of its own.
An inbox is listed from its first key to its last, then again; a listing is a row of
work that is due for its next page, so that large inboxes and small ones take turns.
"""

import logging
from collections.abc import Callable
from datetime import datetime, timedelta

from django.conf import settings

from portal.db import unit_of_work
from portal.health import failpoints
from portal.jobs import queue as job_queue
from portal.jobs.queue import Claim, JobState
from portal.models import Tenant
from usage.inbox import s3 as inbox_s3
from usage.inbox.s3 import ListedObject
from usage.models import KEY_CHARACTERS, InboxListing, InboxObject, InboxVerdict
from usage.storage.s3_client import BucketError

logger = logging.getLogger(__name__)

# The ending of keys that are fetched, and of what the portal leaves beside them.
ENDING, NOTE = ".usg", ".verdict.json"

# Where objects are moved to, below the tenant's prefix; nothing there is taken.
FOLDERS = {
    InboxVerdict.ACCEPTED: "accepted/",
    InboxVerdict.HELD: "held/",
    InboxVerdict.REJECTED: "rejected/",
    InboxVerdict.REFUSED: "rejected/",
    InboxVerdict.TOO_LARGE: "rejected/",
}

# The last key that there can be below a prefix.
_LAST = "\U0010ffff"

# Objects of one page: as many as S3 gives.
_PAGE = 1_000

# From the end of a listing to the next: due by the next scheduled run.
_EVERY = timedelta(seconds=50)

# An inbox that cannot be listed, for an unforeseen reason.
LISTING_FAILED = "failed"

# An object that was gone and is listed is fetched again, this often at most.
_GONE_FOR = timedelta(minutes=15)

# Two tries of 25 seconds without an answer, and the rows of a page.
_LEASE = timedelta(minutes=5)


def is_on() -> bool:
    return bool(settings.INBOX_BUCKET)


def prefix_of(tenant: Tenant) -> str:
    """Return what the keys of a tenant's inbox begin with."""
    return f"{settings.INBOX_PREFIX}{tenant.number}/"


def list_waiting(*, now: Callable[[], datetime], until: datetime) -> bool:
    """List page after page of what is due; False if the store is away.

    `now` is called for each page. What is not done by `until` is left to the next run.
    """
    if not _add_listings(at=now()):
        return True
    while now() < until:
        claims = job_queue.claim(InboxListing, most=1, lease_for=_LEASE, at=now())
        if not claims:
            return True
        if not _list_page(claims[0], now=now):
            return False
    return True


def _add_listings(*, at: datetime) -> bool:
    """Add the rows of new tenants; False if no inbox may be listed."""
    with unit_of_work.acting_for(unit_of_work.STAFF, reading=True):
        if _overlaps_archive():
            logger.critical("No inbox is looked at: forwarded files lie in it.")
            return False
        known = InboxListing.objects.values("tenant")
        new = list(Tenant.objects.exclude(pk__in=known).values_list("pk", flat=True))
    for tenant_id in new:
        with unit_of_work.acting_for(tenant_id):
            InboxListing.objects.get_or_create(
                tenant_id=tenant_id, defaults={"due_at": at}
            )
    return True


def _overlaps_archive() -> bool:
    """Return whether files forwarded for some tenant would be found in an inbox.

    Where those of all tenants would, the system check portal.E006 reports it.
    """
    archive, inboxes = settings.S3["prefix"], settings.INBOX_PREFIX
    if settings.S3["bucket"] != settings.INBOX_BUCKET:
        return False
    number, slash, _ = inboxes.removeprefix(archive).partition("/")
    is_below = inboxes.startswith(archive) and bool(slash)
    return is_below and Tenant.objects.filter(number=number).exists()


def _list_page(claim: Claim, *, now: Callable[[], datetime]) -> bool:
    try:
        _list_and_note(claim, now=now)
    except BucketError as error:
        logger.warning("An inbox was not listed (row %s): %s", claim.pk, error.code)
        _postpone(claim, problem=error.code, at=now())
        # Where the store does not answer, the next inbox would only wait as long.
        return error.has_answered
    except Exception:
        # Whatever it is, the other inboxes go on.
        logger.exception("An inbox could not be listed (row %s)", claim.pk)
        _postpone(claim, problem=LISTING_FAILED, at=now())
    return True


def _postpone(claim: Claim, *, problem: str, at: datetime) -> None:
    with unit_of_work.acting_for(claim.tenant_id):
        job_queue.postpone(InboxListing, claim, problem=problem, at=at)


def _list_and_note(claim: Claim, *, now: Callable[[], datetime]) -> None:
    with unit_of_work.acting_for(claim.tenant_id, reading=True):
        row = InboxListing.objects.select_related("tenant").get(pk=claim.pk)
    row.begun_at = row.begun_at or now()
    found, has_more = inbox_s3.list_page(
        settings.INBOX_BUCKET, prefix_of(row.tenant), after=row.after, most=_PAGE
    )
    failpoints.reach("inbox:listed")
    _record(claim, row, found, has_more=has_more, at=now())


def _record(
    claim: Claim,
    row: InboxListing,
    found: list[ListedObject],
    *,
    has_more: bool,
    at: datetime,
) -> None:
    """Write down what is new, and how far the listing has come, or that it is done."""
    prefix = prefix_of(row.tenant)
    inside = [one for one in found if not _is_ours(one.key, prefix)]
    wanted = [one for one in inside if _is_file(one.key)]
    ignoring = row.ignoring + len(inside) - len(wanted)
    on_its_way = {
        "after": _resume_after(found[-1].key, prefix) if found else row.after,
        "begun_at": row.begun_at,
        "ignoring": ignoring,
        "due_at": at,
    }
    at_its_end = {
        "after": "",
        "begun_at": None,
        "listed_at": row.begun_at,
        "ignored": ignoring,
        "ignoring": 0,
        "due_at": at + _EVERY,
    }
    with unit_of_work.acting_for(claim.tenant_id):
        is_mine = InboxListing.objects.filter(pk=claim.pk, lease=claim.lease).update(
            **(on_its_way if has_more else at_its_end),
            lease=None,
            leased_until=None,
            attempts=0,
            problem="",
        )
        if is_mine:
            _add_objects(claim.tenant_id, wanted, at=at)


def _add_objects(tenant_id: int, wanted: list[ListedObject], *, at: datetime) -> None:
    rows = InboxObject.objects.filter(
        tenant=tenant_id, key__in=[one.key for one in wanted]
    )
    columns = rows.values_list("key", "etag", "modified_at", "verdict", "pk")
    known = {row[:3]: row[3:] for row in columns}
    InboxObject.objects.bulk_create(
        [
            InboxObject(
                tenant_id=tenant_id,
                key=one.key,
                etag=one.etag,
                size=one.size,
                modified_at=one.modified_at,
                first_seen_at=at,
                due_at=at,
            )
            for one in wanted
            if (one.key, one.etag, one.modified_at) not in known
        ],
        ignore_conflicts=True,
    )
    there = [known.get((one.key, one.etag, one.modified_at)) for one in wanted]
    back = [row[1] for row in there if row and row[0] == InboxVerdict.GONE]
    # Fetching it failed as gone, and it is listed all the same: fetched again.
    InboxObject.objects.filter(
        pk__in=back, state=JobState.DONE, ended_at__lt=at - _GONE_FOR
    ).update(state=JobState.WAITING, due_at=at, verdict="", ended_at=None)


def _is_ours(key: str, prefix: str) -> bool:
    """Return whether the portal put it there, or it is a folder's empty mark."""
    is_moved = key.startswith(tuple(f"{prefix}{name}" for name in FOLDERS.values()))
    return is_moved or key.endswith((NOTE, "/"))


def _is_file(key: str) -> bool:
    # With U+0000 in it PostgreSQL could not keep the name, and a browser not show it.
    can_be_kept = "\0" not in key and len(key) <= KEY_CHARACTERS
    return key.lower().endswith(ENDING) and can_be_kept


def _resume_after(last: str, prefix: str) -> str:
    """Return where a listing goes on: behind a folder of ours, not all through it."""
    for name in FOLDERS.values():
        if last.startswith(f"{prefix}{name}"):
            return f"{prefix}{name}{_LAST}"
    # A name that no row can hold is passed by, with the few that begin like it.
    head, zero, _ = last.partition("\0")
    after = f"{head}\x01" if zero else last
    if len(after) > KEY_CHARACTERS:
        return f"{after[: KEY_CHARACTERS - 1]}{_LAST}"
    return after
