"""All that beat's bells ring for, done in this process: no broker is asked.

Which tasks there are is read from the schedule, so that none is forgotten.
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

# What rings less often does more than see whether there is work: it is done at its
# own time, or when asked for.
_RARE = timedelta(hours=1)

# What rings this often or oftener is done in every round of a loop.
_ALWAYS = timedelta(minutes=1)


@dataclass
class ScheduledTask:
    """One entry of the schedule; `rung_at` is when this process last did its task."""

    task: str
    schedule: Any
    rung_at: datetime

    @property
    def every(self) -> timedelta | None:
        """How often it rings; None where that is said by a calendar."""
        every: timedelta | None = getattr(self.schedule, "run_every", None)
        return every

    @property
    def is_rare(self) -> bool:
        return self.every is None or self.every > _RARE

    def is_due(self) -> bool:
        if self.every is not None and self.every <= _ALWAYS:
            return True
        return bool(self.schedule.is_due(self.rung_at)[0])


def scheduled_tasks(*, at: datetime) -> list[ScheduledTask]:
    """Return the bells of the schedule, each task once, as if all rang at `at`."""
    app.loader.import_default_modules()
    found = {
        entry["task"]: ScheduledTask(
            entry["task"], maybe_schedule(entry["schedule"], app=app), at
        )
        for entry in app.conf.beat_schedule.values()
    }
    return list(found.values())


def run_task(bell: ScheduledTask, *, at: datetime) -> bool:
    """Do what a bell rings for; False if that failed, which keeps nothing else."""
    bell.rung_at = at
    # The database may have been restarted since the last round.
    close_old_connections()
    try:
        app.tasks[bell.task]()
    except Exception:
        logger.exception("%s failed", bell.task)
        return False
    heartbeat.record(bell.task, at=at)
    return True


def run_tasks(wanted: list[ScheduledTask], *, at: datetime) -> bool:
    """Ring several, until somebody asks this process to end; True if none failed."""
    results = [run_task(bell, at=at) for bell in wanted if not shutdown.is_requested()]
    return all(results)


def count_due(now: datetime, *, since: datetime) -> dict[str, int]:
    """Count, for each kind of work, the rows that could be claimed now.

    Not those that were tried `since` and come back after a wait: for another time.
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
    """Ring again and again, until nothing is due or a round has changed nothing.

    Returns whether nothing failed, and how many rows of each kind are still due.
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
