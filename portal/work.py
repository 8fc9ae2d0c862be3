"""Work that waits in rows, and how one worker among many takes it.

The row is the queue: it says what is still to be done, and is committed together
with whatever made it necessary. A worker *claims* rows, which gives it a lease; does
the work outside of any transaction; and *completes* the row on condition that the
lease is still its own. A worker that dies loses its lease by time, and another one
does the work again, so every piece of work has to bear being done twice.
"""

import random
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID, uuid4

from django.db import models
from django.utils.translation import gettext_lazy as _

from portal import access
from portal.models import Tenant

# First wait after a failure; doubles with each further one.
_FIRST_WAIT = timedelta(seconds=10)

# Longest wait: whatever was broken is retried at least this often once it works.
_LONGEST_WAIT = timedelta(minutes=15)


class State(models.TextChoices):
    WAITING = "waiting", _("waiting")
    DONE = "done", _("done")
    SET_ASIDE = "set-aside", _("set aside")


class Work(models.Model):
    """Columns of a row that is a piece of work; sweep rights cover just these."""

    tenant = models.ForeignKey(Tenant, on_delete=models.PROTECT)
    state = models.CharField(
        max_length=10, choices=State.choices, default=State.WAITING
    )
    attempts = models.PositiveIntegerField(default=0)
    due_at = models.DateTimeField()
    lease = models.UUIDField(null=True)
    leased_until = models.DateTimeField(null=True)
    problem = models.CharField(max_length=60, blank=True, default="")
    ended_at = models.DateTimeField(null=True)

    class Meta:
        abstract = True
        indexes = [
            models.Index(
                fields=["due_at"],
                condition=models.Q(state=State.WAITING),
                name="%(class)s_waiting",
            ),
        ]


# What ends a piece of work, and what `access.SWEEP` needs to find and claim one, on
# the table of a subclass, in the words of GRANT.
ROW_RIGHTS = "update (state, due_at, lease, leased_until, problem, ended_at)"
SWEEP_RIGHTS = (
    "select (id, tenant_id, state, attempts, due_at, lease, leased_until),"
    " update (lease, leased_until, attempts)"
)


@dataclass(frozen=True, slots=True)
class Claim:
    """One row that is this worker's until its lease ends."""

    pk: int
    tenant_id: int
    lease: UUID
    attempts: int


def claim(
    model: type[Work], *, most: int, lease_for: timedelta, at: datetime
) -> list[Claim]:
    """Take up to `most` rows that are due and nobody's, oldest first.

    Begins and commits a unit of work of its own, as `access.SWEEP`.
    """
    lease = uuid4()
    with access.acting_for(access.SWEEP):
        free = models.Q(leased_until=None) | models.Q(leased_until__lte=at)
        rows = list(
            model._default_manager.filter(free, state=State.WAITING, due_at__lte=at)
            .order_by("due_at", "pk")
            .select_for_update(skip_locked=True)
            .values_list("pk", "tenant_id", "attempts")[:most]
        )
        model._default_manager.filter(pk__in=[pk for pk, _, _ in rows]).update(
            lease=lease,
            leased_until=at + lease_for,
            attempts=models.F("attempts") + 1,
        )
    return [Claim(pk, tenant, lease, tries + 1) for pk, tenant, tries in rows]


def complete(model: type[Work], claim: Claim, *, at: datetime) -> bool:
    """Mark a row done in the running unit of work; False if the lease was lost."""
    return _end(model, claim, state=State.DONE, ended_at=at, problem="")


def set_aside(model: type[Work], claim: Claim, *, problem: str, at: datetime) -> bool:
    """Take a row out of the queue until a person looks; False if the lease was lost."""
    return _end(model, claim, state=State.SET_ASIDE, ended_at=at, problem=problem)


def postpone(model: type[Work], claim: Claim, *, problem: str, at: datetime) -> bool:
    """Give a row back, due after a wait that grows; False if the lease was lost."""
    doublings = min(claim.attempts - 1, 16)
    wait = min(_FIRST_WAIT * 2**doublings, _LONGEST_WAIT)
    # Spread out, so that a thousand rows that failed together do not return together.
    wait *= random.uniform(0.75, 1.25)  # noqa: S311 - no secret
    return _end(model, claim, due_at=at + wait, problem=problem)


def _end(model: type[Work], claim: Claim, **changes: object) -> bool:
    rows = model._default_manager.filter(
        pk=claim.pk, lease=claim.lease, state=State.WAITING
    )
    return rows.update(lease=None, leased_until=None, **changes) == 1
