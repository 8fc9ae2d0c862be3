"""Celery tasks of the portal app, and the heartbeat of every task."""

import time
from datetime import timedelta
from typing import Any

from celery import Task, shared_task
from celery.signals import task_success
from django.utils import timezone

from portal.accounts import end_sessions, request_limits
from portal.accounts import send_mails as account_mails
from portal.audit import check_trails, visits
from portal.db import counters, unit_of_work
from portal.jobs import heartbeat, shutdown

# How long one run sends mails. A mail server can take a minute for each, and a run has
# to end well within its limit.
_MAIL_FOR = timedelta(minutes=3)

# How long one run checks audit trails, in seconds. It stores its position.
_CHECK_FOR = 240.0

# How long one run records visits, in seconds: a tenant's lock can take some to get.
_RECORD_FOR = 50.0


# Rows of each kind that one run of the tidying removes: seconds of work. The next run
# removes more.
_MOST_TIDIED = 10_000


@shared_task(name="portal.tidy", time_limit=300)
def remove_ended_sessions() -> None:
    """Remove what has ended: sessions, old events, counts, mails about accounts.

    Nothing depends on its removal.
    """
    now = timezone.now()
    end_sessions.end_overdue(at=now, most=_MOST_TIDIED)
    end_sessions.remove_old_events(at=now, most=_MOST_TIDIED)
    counters.remove_expired(at=now, most=_MOST_TIDIED)
    request_limits.remove_unused(before=now - request_limits.KEEP)
    with unit_of_work.acting_for(unit_of_work.STAFF):
        account_mails.remove_ended(before=now - account_mails.KEEP)


# A hard limit only: a soft one raises in the middle of a mail.
@shared_task(name="portal.send_mail", time_limit=600)
def send_account_mails() -> None:
    """Send the waiting mails about accounts; the next run sends the rest."""
    until = timezone.now() + _MAIL_FOR
    while timezone.now() < until and not shutdown.is_requested():
        if not account_mails.send_waiting(now=timezone.now):
            return


# Ends well before the next scheduled run, also with the slowest part in its hands.
@shared_task(name="portal.check_trails", time_limit=600)
def check_audit_trails() -> None:
    until = time.monotonic() + _CHECK_FOR
    check_trails.check_trails(
        at=timezone.now(),
        has_time=lambda: time.monotonic() < until and not shutdown.is_requested(),
    )


@shared_task(name="portal.record_visits", time_limit=300)
def record_staff_visits() -> None:
    until = time.monotonic() + _RECORD_FOR
    visits.record_waiting(
        now=timezone.now,
        has_time=lambda: time.monotonic() < until and not shutdown.is_requested(),
    )


@task_success.connect
def record_success(sender: "Task[..., Any]", **_: Any) -> None:
    """Record the heartbeat of a task, in the worker, once it has ended."""
    heartbeat.record(sender.name, at=timezone.now())
