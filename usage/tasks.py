"""Doorbells: each looks for work that waits in rows and does it."""

from datetime import timedelta

from celery import shared_task
from django.utils import timezone

from portal import stopping
from usage import forwarding, sweeping

# How long one ring begins to settle further batches; the next ring goes on. Far from
# the task's limit, so that a batch that waits for locks is not cut in two.
_SETTLE_FOR = timedelta(minutes=1)

# Files that one ring forwards, so that a task ends well within its time limit.
_FORWARD_AT_MOST = 200

# Hard limits only: a soft one raises in the middle of an act, which would take it for
# a fault of the file. What a killed task had claimed is free again with its lease.
_SECONDS = 600


@shared_task(name="usage.forward", time_limit=_SECONDS)
def forward() -> None:
    for _ in range(_FORWARD_AT_MOST):
        if stopping.is_asked() or not forwarding.forward_waiting(
            now=timezone.now  # noqa: TID251 - a task
        ):
            return


@shared_task(name="usage.settle", time_limit=_SECONDS)
def settle() -> None:
    now = timezone.now()  # noqa: TID251 - a task
    until = now + _SETTLE_FOR
    while now < until and not stopping.is_asked() and sweeping.settle_waiting(at=now):
        now = timezone.now()  # noqa: TID251 - a task
