"""Doorbells of the portal itself."""

from celery import shared_task
from django.contrib.sessions.models import Session
from django.utils import timezone


@shared_task(name="portal.tidy", time_limit=300)
def tidy() -> None:
    """Remove the sessions that have ended; nothing rests on them any more."""
    now = timezone.now()  # noqa: TID251 - a task
    Session.objects.filter(expire_date__lt=now).delete()
