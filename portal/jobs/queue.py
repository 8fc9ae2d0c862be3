"""A job queue in database rows, which workers claim, complete, postpone or fail.

The row is the queue: it holds what is still to be done, and is committed together
with the change that made it necessary. A worker *claims* rows, which gives it a lease;
does the work outside of any transaction; and *completes* the row on condition that the
lease is still its own. The lease of a worker that dies runs out, and another worker
does the work again, so every job must be safe to run twice.

There are two budgets. A failure of ours (a database, a store or a network is away) is
retried for ever, with a wait that grows. A fault of the item's own is charged before
the work begins (`begin`), so that even an item that kills its worker is noticed; after
a few faults the row has failed, and waits until a person has looked and lets it go on
(`retry`).
"""

import random
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import ClassVar
from uuid import UUID, uuid4

from django.apps import apps
from django.db import models
from django.utils.translation import gettext_lazy as _

from portal.db import unit_of_work
from portal.models import Tenant

# First wait after a failure; doubles with each further one.
_FIRST_WAIT = timedelta(seconds=10)

# Longest wait: whatever was broken is retried at least this often once it works.
_LONGEST_WAIT = timedelta(minutes=15)

# Faults of its own after which an item has failed: one can be bad luck, such as a
# worker that was stopped in the middle; three are the item's.
MOST_FAULTS = 3


class JobState(models.TextChoices):
    WAITING = "waiting", _("waiting")
    DONE = "done", _("done")
    FAILED = "set-aside", _("set aside")


class Job(models.Model):
    """The columns of a job row; the rights of the sweep role cover only these."""

    tenant = models.ForeignKey(Tenant, on_delete=models.PROTECT)
    state = models.CharField(
        max_length=10, choices=JobState.choices, default=JobState.WAITING
    )
    attempts = models.PositiveIntegerField(default=0)
    # Faults of the item itself, including the attempt in progress.
    faults = models.PositiveSmallIntegerField(default=0)
    due_at = models.DateTimeField()
    lease = models.UUIDField(null=True)
    leased_until = models.DateTimeField(null=True)
    problem = models.CharField(max_length=60, blank=True, default="")
    ended_at = models.DateTimeField(null=True)

    # The column, of the row or of a row it refers to, with the start of its wait.
    WAITS_SINCE: ClassVar[str] = "due_at"

    class Meta:
        abstract = True
        indexes = [
            models.Index(
                fields=["due_at"],
                condition=models.Q(state=JobState.WAITING),
                name="%(class)s_waiting",
            ),
        ]


def kinds() -> list[type[Job]]:
    """Return the job models of all apps."""
    return [model for model in apps.get_models() if issubclass(model, Job)]


# Rights on the table of a subclass, as GRANT writes them: to end a job, and for
# `unit_of_work.SWEEP` to find and claim one. Migrations older than the fault columns
# use these two; a new table is granted the other two as well.
ROW_RIGHTS = "update (state, due_at, lease, leased_until, problem, ended_at)"
SWEEP_RIGHTS = (
    "select (id, tenant_id, state, attempts, due_at, lease, leased_until),"
    " update (lease, leased_until, attempts)"
)
ROW_FAULT_RIGHTS = "update (attempts, faults)"
SWEEP_FAULT_RIGHTS = "select (faults)"


@dataclass(frozen=True, slots=True)
class Claim:
    """A row that is this worker's until its lease ends; counts as of the claim."""

    pk: int
    tenant_id: int
    lease: UUID
    attempts: int
    faults: int


def tenants_waiting(model: type[Job], *, at: datetime) -> list[int]:
    """Return the ids of the tenants with rows that `claim` would find.

    Begins and ends a unit of work of its own, as `unit_of_work.SWEEP`.
    """
    with unit_of_work.acting_for(unit_of_work.SWEEP, reading=True):
        rows = _due(model, at=at).order_by("tenant_id")
        return list(rows.values_list("tenant_id", flat=True).distinct())


def claim(
    model: type[Job],
    *,
    most: int,
    lease_for: timedelta,
    at: datetime,
    tenant_id: int | None = None,
    other_than: int | None = None,
) -> list[Claim]:
    """Claim up to `most` due rows that no worker holds, oldest first.

    Only those of `tenant_id`, or of all tenants but `other_than`, if one is given.
    Begins and commits a unit of work of its own, as `unit_of_work.SWEEP`.
    """
    lease = uuid4()
    of_tenants = models.Q() if tenant_id is None else models.Q(tenant_id=tenant_id)
    if other_than is not None:
        of_tenants &= ~models.Q(tenant_id=other_than)
    with unit_of_work.acting_for(unit_of_work.SWEEP):
        rows = list(
            _due(model, at=at)
            .filter(of_tenants)
            .order_by("due_at", "pk")
            .select_for_update(skip_locked=True)
            .values_list("pk", "tenant_id", "attempts", "faults")[:most]
        )
        model._default_manager.filter(pk__in=[row[0] for row in rows]).update(
            lease=lease,
            leased_until=at + lease_for,
            attempts=models.F("attempts") + 1,
        )
    return [Claim(pk, who, lease, tries + 1, faults) for pk, who, tries, faults in rows]


def begin(model: type[Job], claim: Claim, *, problem: str, at: datetime) -> bool:
    """Charge a row with a fault in advance; False if it may not be tried (any more).

    A row that has used up its faults is failed with `problem`; a row whose lease was
    lost belongs to another worker. Success, and a failure of ours, take the charge
    back.
    """
    if claim.faults >= MOST_FAULTS:
        mark_failed(model, claim, problem=problem, at=at)
        return False
    return _leased(model, claim).update(faults=claim.faults + 1) == 1


def complete(model: type[Job], claim: Claim, *, at: datetime) -> bool:
    """Mark a row done in the running unit of work; False if the lease was lost."""
    return _end(model, claim, state=JobState.DONE, ended_at=at, problem="", faults=0)


def mark_failed(model: type[Job], claim: Claim, *, problem: str, at: datetime) -> bool:
    """Take a row out of the queue until a person looks; False if the lease was lost."""
    return _end(model, claim, state=JobState.FAILED, ended_at=at, problem=problem)


def postpone(model: type[Job], claim: Claim, *, problem: str, at: datetime) -> bool:
    """Give a row back after a failure of ours, due after a wait that grows.

    False if the lease was lost.
    """
    due_at = at + wait_after(claim.attempts)
    return _end(model, claim, due_at=due_at, problem=problem, faults=claim.faults)


def record_failure(
    model: type[Job], claim: Claim, *, problem: str, at: datetime
) -> bool:
    """Give a row back after a fault of its own, or fail it after the last one.

    True if it has failed, and waits for a person.
    """
    faults = claim.faults + 1
    if faults >= MOST_FAULTS:
        return mark_failed(model, claim, problem=problem, at=at)
    due_at = at + wait_after(claim.attempts)
    _end(model, claim, due_at=due_at, problem=problem, faults=faults)
    return False


def retry(model: type[Job], pk: int, *, at: datetime) -> bool:
    """Queue a failed row again from the start; False if it has not failed."""
    rows = model._default_manager.filter(pk=pk, state=JobState.FAILED)
    fresh = {"problem": "", "due_at": at, "ended_at": None, "lease": None}
    return rows.update(state=JobState.WAITING, attempts=0, faults=0, **fresh) == 1


def _due(model: type[Job], *, at: datetime) -> models.QuerySet[Job]:
    """Return the due rows that no worker holds."""
    free = models.Q(leased_until=None) | models.Q(leased_until__lte=at)
    return model._default_manager.filter(free, state=JobState.WAITING, due_at__lte=at)


def wait_after(attempts: int) -> timedelta:
    """Return how long a row waits after its failed try number `attempts`, from 1 on."""
    doublings = min(attempts - 1, 16)
    wait: timedelta = min(_FIRST_WAIT * 2**doublings, _LONGEST_WAIT)
    # Spread out, so that a thousand rows that failed together do not return together.
    return wait * random.uniform(0.75, 1.25)  # noqa: S311 - no secret


def _leased(model: type[Job], claim: Claim) -> models.QuerySet[Job]:
    return model._default_manager.filter(
        pk=claim.pk, lease=claim.lease, state=JobState.WAITING
    )


def _end(model: type[Job], claim: Claim, **changes: object) -> bool:
    rows = _leased(model, claim)
    return rows.update(lease=None, leased_until=None, **changes) == 1
