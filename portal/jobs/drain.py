"""Runs the scheduled tasks in this process until no job is due, without a broker.

The tasks are read from the schedule, so that none is forgotten.
"""

import logging
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from celery.schedules import maybe_schedule
from django.db import close_old_connections
from django.db.models import Q

from portal.celery import app
from portal.db import unit_of_work
from portal.jobs import heartbeat, shutdown
from portal.jobs import queue as job_queue

logger = logging.getLogger(__name__)

# Tasks with a longer interval do more than look for jobs: they run at their own time,
# or on request.
_RARE = timedelta(hours=1)

# Tasks with at most this interval run in every round of a loop.
_ALWAYS = timedelta(minutes=1)


@dataclass
class ScheduledTask:
    """An entry of the schedule; `last_run_at` is its last run in this process."""

    task: str
    schedule: Any
    last_run_at: datetime

    @property
    def every(self) -> timedelta | None:
        """The interval between runs; None for a crontab."""
        every: timedelta | None = getattr(self.schedule, "run_every", None)
        return every

    @property
    def is_rare(self) -> bool:
        return self.every is None or self.every > _RARE

    def is_due(self) -> bool:
        if self.every is not None and self.every <= _ALWAYS:
            return True
        return bool(self.schedule.is_due(self.last_run_at)[0])


def scheduled_tasks(*, at: datetime) -> list[ScheduledTask]:
    """Return the scheduled tasks, each once, as if all had last run at `at`."""
    app.loader.import_default_modules()
    found = {
        entry["task"]: ScheduledTask(
            entry["task"], maybe_schedule(entry["schedule"], app=app), at
        )
        for entry in app.conf.beat_schedule.values()
    }
    return list(found.values())


def run_task(scheduled: ScheduledTask, *, at: datetime) -> bool:
    """Run a task; False if it failed, which does not stop the others."""
    scheduled.last_run_at = at
    # The database may have been restarted since the last round.
    close_old_connections()
    try:
        app.tasks[scheduled.task]()
    except Exception:
        logger.exception("%s failed", scheduled.task)
        return False
    heartbeat.record(scheduled.task, at=at)
    return True


def run_tasks(wanted: list[ScheduledTask], *, at: datetime) -> bool:
    """Run tasks until this process is asked to end; True if none failed."""
    results = [run_task(one, at=at) for one in wanted if not shutdown.is_requested()]
    return all(results)


def count_due(now: datetime, *, since: datetime) -> dict[str, int]:
    """Count, for each kind of job, the rows that could be claimed now.

    Rows that were tried after `since`, and are due again after their wait, are not
    counted: they are left for another time.
    """
    free = Q(leased_until=None) | Q(leased_until__lte=now)
    is_untried = Q(due_at__lte=since) | Q(due_at__lte=now, attempts=0)
    with unit_of_work.acting_for(unit_of_work.SWEEP, reading=True):
        return {
            model._meta.label_lower: model._default_manager.filter(
                free, is_untried, state=job_queue.JobState.WAITING
            ).count()
            for model in job_queue.kinds()
        }


def drain(
    wanted: list[ScheduledTask], *, now: Callable[[], datetime]
) -> tuple[bool, dict[str, int]]:
    """Run tasks in rounds, until no job is due or a round has changed nothing.

    Returns True if no task failed, and the number of rows of each kind still due.
    """
    since = now()
    is_well, left, before = True, count_due(since, since=since), None
    while left != before and not shutdown.is_requested():
        before = left
        is_well = run_tasks(wanted, at=now()) and is_well
        left = count_due(now(), since=since)
        if not any(left.values()):
            break
    return is_well, left
