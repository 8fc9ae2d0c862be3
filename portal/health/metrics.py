"""Renders the metrics for Prometheus, in its text format (version 0.0.4).

Apps register what they count (`register`). All metrics are read in one unit of work of
the staff, and cached for some seconds, so that the cost does not depend on the number
of requests.
"""

import threading
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from platform import python_version

import django
from django.conf import settings
from django.db import connection
from django.db.models import Count, Min

from portal import VERSION
from portal.db import unit_of_work
from portal.jobs import heartbeat
from portal.jobs import queue as job_queue
from portal.jobs.queue import Job, JobState
from portal.models import AccountMail, AuditEntry

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"

# How long metrics are cached that one look-up in an index returns.
SOON = timedelta(seconds=10)

# How long metrics are cached for which a whole table is counted.
RARELY = timedelta(minutes=2)

Labels = Mapping[str, str]
Sample = tuple[Labels, float]


@dataclass(frozen=True, slots=True)
class Family:
    """One metric, with a sample for each set of labels; every metric is a gauge."""

    name: str
    about: str
    samples: Sequence[Sample]


# Reads in a unit of work of the staff.
Collect = Callable[[datetime], Iterable[Family]]


@dataclass
class _Source:
    collect: Collect
    keep_for: timedelta
    families: Sequence[Family] = ()
    fresh_until: datetime | None = None


_sources: list[_Source] = []
_lock = threading.Lock()


def register(collect: Collect, *, keep_for: timedelta = SOON) -> None:
    """Register a source of metrics; called once from `AppConfig.ready`."""
    _sources.append(_Source(collect, keep_for))


def clear_cache() -> None:
    """Drop the cached metrics; for tests, which set another clock."""
    for source in _sources:
        source.fresh_until = None


def text(*, at: datetime) -> str:
    """Return all metrics as Prometheus reads them."""
    with _lock:
        _refresh(at)
        families = [family for one in _sources for family in one.families]
    families += _process_metrics()
    return "".join(_lines(families))


def _refresh(at: datetime) -> None:
    stale = [
        one for one in _sources if one.fresh_until is None or at >= one.fresh_until
    ]
    if not stale:
        return
    with unit_of_work.acting_for(unit_of_work.STAFF, reading=True):
        for source in stale:
            source.families = list(source.collect(at))
    for source in stale:
        source.fresh_until = at + source.keep_for


def _lines(families: Iterable[Family]) -> Iterator[str]:
    for family in families:
        about = family.about.replace("\\", r"\\").replace("\n", r"\n")
        yield f"# HELP {family.name} {about}\n# TYPE {family.name} gauge\n"
        for labels, value in family.samples:
            pairs = ",".join(f'{name}="{_escaped(labels[name])}"' for name in labels)
            yield f"{family.name}{{{pairs}}} {value:.15g}\n"


def _escaped(value: str) -> str:
    return value.replace("\\", r"\\").replace('"', r"\"").replace("\n", r"\n")


# Metrics of every app


def _job_metrics(at: datetime) -> Iterator[Family]:
    rows: list[Sample] = []
    failed: list[Sample] = []
    ages: list[Sample] = []
    for model in job_queue.kinds():
        kind = {"kind": model._meta.model_name or ""}
        waiting = model._default_manager.filter(state=JobState.WAITING)
        found = waiting.aggregate(rows=Count("pk"), since=Min(model.WAITS_SINCE))
        rows.append((kind, found["rows"]))
        ages.append((kind, _age(found["since"], at)))
        failed += [(kind | {"reason": why}, n) for why, n in _failed_by_reason(model)]
    accounts = AccountMail.objects.filter(outcome="")
    found = accounts.aggregate(rows=Count("pk"), since=Min("due_at"))
    rows.append(({"kind": "accountmail"}, found["rows"]))
    ages.append(({"kind": "accountmail"}, _age(found["since"], at)))
    yield Family("portal_work_waiting", "Rows of work that wait.", rows)
    yield Family("portal_work_oldest_seconds", "How long the oldest has waited.", ages)
    yield Family("portal_work_set_aside", "Rows that wait for a person.", failed)


def _failed_by_reason(model: type[Job]) -> list[tuple[str, int]]:
    rows = model._default_manager.filter(state=JobState.FAILED)
    counted = rows.values_list("problem").annotate(rows=Count("pk")).order_by("problem")
    return [(problem, count) for problem, count in counted]


def _age(since: datetime | None, at: datetime) -> float:
    # A row that is due later has not waited yet.
    return max((at - since).total_seconds(), 0.0) if since else 0.0


def _audit_metrics(_at: datetime) -> Iterator[Family]:
    count = AuditEntry.objects.count()
    yield Family("portal_audit_entries", "Entries in all audit trails.", [({}, count)])


register(_job_metrics)
register(_audit_metrics, keep_for=RARELY)


def _process_metrics() -> list[Family]:
    schedule: Mapping[str, Mapping[str, str]] = settings.CELERY["beat_schedule"]  # type: ignore[assignment]  # it holds more than texts
    tasks = {entry["task"] for entry in schedule.values()}
    last = [
        ({"task": task}, at)
        for task, at in sorted(heartbeat.last_successes(tasks).items())
    ]
    build = {"version": VERSION, "python": python_version()}
    build["django"] = django.get_version()
    return [
        Family("portal_task_success_seconds", "Last success of tasks, by Unix.", last),
        Family(
            "portal_database_pool",
            "Connections of the process that answers, and threads that wait for one.",
            list(_pool_samples()),
        ),
        Family("portal_build_info", "What runs here.", [(build, 1)]),
    ]


def _pool_samples() -> Iterator[Sample]:
    stats = connection.pool.get_stats()  # type: ignore[attr-defined]  # PostgreSQL's
    for state, name in (
        ("open", "pool_size"),
        ("idle", "pool_available"),
        ("most", "pool_max"),
        ("waiting", "requests_waiting"),
    ):
        yield {"state": state}, stats.get(name, 0)
