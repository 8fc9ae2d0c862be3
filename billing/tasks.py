"""Doorbells of billing."""

from celery import shared_task
from django.utils import timezone

from billing import lateness, opening


@shared_task(name="billing.open_periods", soft_time_limit=240, time_limit=300)
def open_periods() -> None:
    now = timezone.now()  # noqa: TID251 - a task
    opening.open_current_periods(today=now.date(), at=now)


@shared_task(name="billing.check_lateness", soft_time_limit=240, time_limit=300)
def check_lateness() -> None:
    lateness.check(timezone.now())  # noqa: TID251 - a task
