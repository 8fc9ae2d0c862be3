"""Celery tasks of the portal app, and the heartbeat of every task."""

from typing import Any

from celery import Task, shared_task
from celery.signals import task_success
from django.contrib.sessions.models import Session
from django.utils import timezone

from portal.jobs import heartbeat


@shared_task(name="portal.tidy", time_limit=300)
def remove_ended_sessions() -> None:
    """Remove the sessions that have ended; nothing depends on them any more."""
    now = timezone.now()
    Session.objects.filter(expire_date__lt=now).delete()


@task_success.connect
def record_success(sender: "Task[..., Any]", **_: Any) -> None:
    """Record the heartbeat of a task, in the worker, once it has ended."""
    heartbeat.record(sender.name, at=timezone.now())
