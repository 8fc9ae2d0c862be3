"""Doorbells: each looks for work that waits in rows and does it."""

from datetime import timedelta

from celery import shared_task
from django.utils import timezone

from usage import forwarding, settling

# A request settles its own file within this time, or has died.
_LEFT_BEHIND = timedelta(minutes=2)

# Files that one ring settles; the next ring goes on.
_SETTLE_AT_MOST = 200

# Batches that one ring forwards, so that a task ends within its time limit.
_FORWARD_BATCHES = 50


@shared_task(name="usage.forward", soft_time_limit=840, time_limit=900)
def forward() -> None:
    for _ in range(_FORWARD_BATCHES):
        if not forwarding.forward_waiting(at=timezone.now()):  # noqa: TID251 - a task
            return


@shared_task(name="usage.settle", soft_time_limit=240, time_limit=300)
def settle() -> None:
    now = timezone.now()  # noqa: TID251 - a task
    settling.settle_waiting(older_than=now - _LEFT_BEHIND, most=_SETTLE_AT_MOST, at=now)
