"""Queries of the runs of each server, of API tokens and of a tenant's S3 inbox.

A run is an upload whose sender named its machine. Each query runs in the caller's unit
of work of one tenant and reads a limited number of rows.
"""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from django.db.models import Case, Q, QuerySet, Value, When

from portal.accounts.tokens import WARN_BEFORE
from portal.jobs.queue import JobState
from portal.models import ApiToken
from usage.models import InboxListing, InboxObject, Server, Upload, UsageFile
from usage.uploads.reason_queries import ReasonCount, count_reasons

# Most machines on a page. Runs of 200 machines are kept for each token.
MACHINES_AT_MOST = 500

# Most API tokens on a page, and how long it shows those that have ended.
TOKENS_AT_MOST = 50
_ENDED_SHOWN = timedelta(days=90)

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
    """Return the API tokens without their hashes: usable ones first, newest first.

    Tokens that ended long ago are left out.
    """
    ended = Q(revoked_at__lt=at - _ENDED_SHOWN) | Q(expires_at__lt=at - _ENDED_SHOWN)
    has_ended = Q(revoked_at__isnull=False) | Q(expires_at__lte=at)
    found = ApiToken.objects.exclude(ended).annotate(
        has_ended=Case(When(has_ended, then=Value(1)), default=Value(0))
    )
    newest_first = found.defer("digest").order_by("has_ended", "-created_at", "-pk")
    return list(newest_first[:TOKENS_AT_MOST])


def token(token_id: int) -> ApiToken | None:
    """Return an API token without its hash; None if the tenant has none of this id."""
    return ApiToken.objects.defer("digest").filter(pk=token_id).first()


def expiring_tokens(*, at: datetime) -> int:
    """Count the tokens that are used, end soon and have no successor."""
    return ApiToken.objects.filter(
        revoked_at=None,
        replaced_by=None,
        last_used_at__isnull=False,
        expires_at__gt=at,
        expires_at__lte=at + WARN_BEFORE,
    ).count()


def server_names() -> list[str]:
    """Return the names of the tenant's servers that write files."""
    return list(
        Server.objects.filter(retired_on=None)
        .order_by("name")
        .values_list("name", flat=True)
    )


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
