"""Queries of the runs of each server, of API tokens and of a tenant's S3 inbox.

A run is an upload whose sender named its machine. Each query runs in the caller's unit
of work of one tenant and reads a limited number of rows.
"""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from django.db.models import QuerySet

from portal.jobs.queue import JobState
from portal.models import ApiToken
from usage.models import InboxListing, InboxObject, Upload, UsageFile
from usage.uploads.reason_queries import ReasonCount, count_reasons

# Most machines on a page. Runs of 200 machines are kept for each token.
MACHINES_AT_MOST = 500

# Most API tokens on a page.
TOKENS_AT_MOST = 50

# Most objects of the inbox on a page.
_OBJECTS = 5


def last_runs() -> list[Upload]:
    """Return the last run of each machine, by name."""
    newest = (
        Upload.objects.exclude(machine="")
        .order_by("machine", "-begun_at", "-pk")
        .distinct("machine")
        .values("pk")
    )
    return list(
        Upload.objects.filter(pk__in=newest).order_by("machine")[:MACHINES_AT_MOST]
    )


def runs_of(machine: str) -> QuerySet[Upload]:
    """Return the runs of a machine, newest first."""
    found = Upload.objects.exclude(machine="").filter(machine=machine)
    return found.order_by("-begun_at", "-pk")


def reasons(
    runs: Collection[Upload],
) -> tuple[Mapping[UUID, list[ReasonCount]], Mapping[UUID, UsageFile]]:
    """Count how the files of each run ended, by its key; return example files by id."""
    found = count_reasons(runs)
    examples = {one.example for of_run in found.values() for one in of_run}
    return found, UsageFile.objects.in_bulk([one for one in examples if one])


def tokens(*, at: datetime) -> list[ApiToken]:
    """Return the valid API tokens without their hashes, newest first."""
    alive = ApiToken.objects.filter(revoked_at=None).exclude(expires_at__lte=at)
    return list(alive.defer("digest").order_by("-created_at", "-pk")[:TOKENS_AT_MOST])


@dataclass(frozen=True, slots=True)
class InboxFacts:
    """The state of a tenant's inbox; `listing` is None before the first list.

    `waiting` counts objects that are not fetched yet; `last` has the newest objects.
    """

    listing: InboxListing | None
    waiting: int
    last: list[InboxObject]


def inbox_facts(tenant_id: int) -> InboxFacts:
    """Return the state of the inbox."""
    own = InboxObject.objects.filter(tenant=tenant_id)
    # Not by `first_seen_at`: its index has the objects of all tenants.
    last = own.select_related("tenant", "file").order_by("-modified_at", "-pk")
    return InboxFacts(
        listing=InboxListing.objects.filter(tenant=tenant_id).first(),
        waiting=own.filter(state=JobState.WAITING).count(),
        last=list(last[:_OBJECTS]),
    )
