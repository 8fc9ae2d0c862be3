"""Runs the month end: computes or issues the statements of a period for all tenants.

A run has a job for each tenant (`portal.jobs.queue`), so that it continues when a
worker ends, several workers can share it, and pages can show its progress.
"""

import logging
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.db import OperationalError
from django.db.models import Count, Max
from django.db.models.functions import Coalesce

from billing.coverage.periods import Period
from billing.models import (
    CurrentStatement,
    MonthEndOutcome,
    MonthEndRun,
    MonthEndWork,
    Statement,
    StatementState,
    TenantPeriod,
)
from billing.statements import issue, refresh
from billing.statements.issue import IssueRequest
from portal.audit import log as audit_log
from portal.db import unit_of_work
from portal.errors import Refused, Unavailable
from portal.health import failpoints
from portal.jobs import queue, shutdown, wakeup
from portal.jobs.queue import Claim, JobState

logger = logging.getLogger(__name__)

# The task that runs the jobs.
TASK = "billing.month_end"

# Rows that are created at once.
_AT_ONCE = 1_000

# Longer than the largest statement takes.
_LEASE = timedelta(minutes=10)

# The problem of a job whose statement cannot be computed.
_FAILED = "failed"


@dataclass(frozen=True, slots=True, kw_only=True)
class RunProgress:
    """The progress of a run: tenants by outcome, and how many wait or have failed."""

    run: MonthEndRun
    outcomes: dict[MonthEndOutcome, int]
    waiting: int
    failed: int

    @property
    def done(self) -> int:
        return sum(self.outcomes.values())

    @property
    def tenants(self) -> int:
        return self.done + self.waiting + self.failed


@dataclass(frozen=True, slots=True, kw_only=True)
class RunRequest:
    """What a run does; see `billing.models.MonthEndRun`."""

    period: Period
    is_issuing: bool
    by: str
    at: datetime
    with_incomplete: bool = False
    reason: str = ""


@dataclass(frozen=True, slots=True)
class DeadlinesAhead:
    """How many tenants have not reached their deadline, and the last deadline."""

    tenants: int
    last_at: datetime | None


def start(wanted: RunRequest, *, wakes: bool = True) -> MonthEndRun:
    """Create a run with a job for each tenant that has opened the period.

    `wakes` a worker, unless the caller runs the jobs itself. Begins and ends a unit of
    work of its own, of the staff.

    Raises:
        Refused: incomplete periods are to be closed without a reason.

    """
    if wanted.with_incomplete and not wanted.reason:
        raise Refused("statement-needs-reason")
    with unit_of_work.acting_for(unit_of_work.STAFF):
        run = MonthEndRun.objects.create(
            period=str(wanted.period),
            is_issuing=wanted.is_issuing,
            with_incomplete=wanted.with_incomplete,
            reason=wanted.reason,
            started_at=wanted.at,
            started_by=wanted.by,
        )
        _add_work(run)
        audit_log.append(
            tenant_id=None,
            actor=wanted.by,
            act="month-end-started",
            subject=str(wanted.period),
            at=wanted.at,
            details={
                "is_issuing": wanted.is_issuing,
                "with_incomplete": wanted.with_incomplete,
                "reason": wanted.reason,
            },
        )
    if wakes:
        wakeup.wake_up(TASK)
    return run


def _add_work(run: MonthEndRun) -> None:
    opened = TenantPeriod.objects.filter(period=run.period).order_by("tenant")
    MonthEndWork.objects.bulk_create(
        (
            MonthEndWork(run=run, tenant_id=tenant_id, due_at=run.started_at)
            for tenant_id in opened.values_list("tenant", flat=True)
        ),
        batch_size=_AT_ONCE,
    )


def work(*, now: Callable[[], datetime], has_time: Callable[[], bool]) -> int:
    """Run waiting jobs, one tenant after the other; return how many were tried.

    Begins and ends units of work of its own.
    """
    tried = 0
    while has_time() and not shutdown.is_requested():
        claims = queue.claim(MonthEndWork, most=1, lease_for=_LEASE, at=now())
        if not claims:
            break
        failpoints.reach("month-end:claimed")
        _work_on(claims[0], at=now())
        tried += 1
    return tried


def progress(run: MonthEndRun) -> RunProgress:
    """Count the jobs of a run, in a unit of work of the staff."""
    rows = MonthEndWork.objects.filter(run=run).values_list("state", "outcome")
    counts = Counter(rows)
    return RunProgress(
        run=run,
        outcomes={
            outcome: counts[JobState.DONE, outcome]
            for outcome in MonthEndOutcome
            if counts[JobState.DONE, outcome]
        },
        waiting=sum(n for (state, _), n in counts.items() if state == JobState.WAITING),
        failed=sum(n for (state, _), n in counts.items() if state == JobState.FAILED),
    )


def last_run(period: Period) -> MonthEndRun | None:
    """Return the last run of a period, if any; in a unit of work of the staff."""
    return MonthEndRun.objects.filter(period=str(period)).order_by("-pk").first()


def deadlines_ahead(period: Period, *, at: datetime) -> DeadlinesAhead:
    """Find the deadlines of a period that are ahead; in a unit of work of the staff.

    Zones and extensions differ, and so do the deadlines of tenants.
    """
    ends_at = Coalesce("extended_to", "deadline_at")
    opened = TenantPeriod.objects.filter(period=str(period)).annotate(ends_at=ends_at)
    ahead = opened.filter(ends_at__gt=at)
    return DeadlinesAhead(
        **ahead.aggregate(tenants=Count("pk"), last_at=Max("ends_at"))
    )


def _work_on(claim: Claim, *, at: datetime) -> None:
    with unit_of_work.acting_for(claim.tenant_id):
        if not queue.begin(MonthEndWork, claim, problem=_FAILED, at=at):
            return
        run = MonthEndRun.objects.get(work__pk=claim.pk)
    try:
        outcome = _outcome(claim, run, at=at)
    except (Unavailable, OperationalError) as problem:
        logger.warning("The month end of tenant %s waits: %s", claim.tenant_id, problem)
        with unit_of_work.acting_for(claim.tenant_id):
            queue.postpone(MonthEndWork, claim, problem="waits", at=at)
        return
    except Exception:
        logger.exception("The month end of tenant %s failed", claim.tenant_id)
        with unit_of_work.acting_for(claim.tenant_id):
            queue.record_failure(MonthEndWork, claim, problem=_FAILED, at=at)
        return
    with unit_of_work.acting_for(claim.tenant_id):
        if queue.complete(MonthEndWork, claim, at=at):
            MonthEndWork.objects.filter(pk=claim.pk).update(outcome=outcome)
    failpoints.reach("month-end:done")


def _outcome(claim: Claim, run: MonthEndRun, *, at: datetime) -> MonthEndOutcome:
    """Compute a tenant's statement, and issue it if the run does that."""
    tenant_id = claim.tenant_id
    period = Period.parse(run.period)
    current = refresh.fresh_statement(
        tenant_id, period, at=at, seconds=issue.PATIENCE, with_unreadable=True
    )
    found = issue.outcome_of(current, with_reason=bool(run.reason))
    if found is MonthEndOutcome.INCOMPLETE and run.with_incomplete:
        found = MonthEndOutcome.COMPUTED
    is_again = claim.attempts > 1
    if found is MonthEndOutcome.UNCHANGED and is_again and _has_issued(run, tenant_id):
        return MonthEndOutcome.ISSUED
    if found is not MonthEndOutcome.COMPUTED or not run.is_issuing:
        return found
    try:
        issue.issue(
            tenant_id,
            IssueRequest(
                period=period,
                by=run.started_by,
                at=at,
                reason=run.reason if _needs_reason(current) else "",
                with_incomplete=run.with_incomplete,
            ),
        )
    except Refused as refusal:
        # The facts have changed since the check above: the refusal is the outcome.
        return issue.outcome_behind(refusal)
    return MonthEndOutcome.ISSUED


def _needs_reason(current: CurrentStatement) -> bool:
    """Return whether a statement is issued for a reason, which is printed on it.

    The reason of a run may name other tenants, and is left off all other statements.
    """
    return current.state != StatementState.PROVISIONAL or current.lacking > 0


def _has_issued(run: MonthEndRun, tenant_id: int) -> bool:
    """Return whether an earlier attempt of the run has issued a version."""
    with unit_of_work.acting_for(tenant_id, reading=True):
        versions = Statement.objects.filter(
            period=run.period,
            issued_by=run.started_by,
            issued_at__gte=run.started_at.replace(microsecond=0),
        )
        return versions.exists()
