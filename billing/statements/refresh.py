"""Keeps current statements up to date: for readers, and by marks in the background.

Each transaction that changes a fact of a tenant marks its statements
(`billing.periods.marks`). A current statement is used only while no later mark covers
its period; otherwise it is computed for its reader first (`fresh_statement`). The
background task computes marked periods with a file or a stored statement
(`refresh_marked`).
"""

import logging
import time
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from django.db import OperationalError, connection

from billing.coverage.periods import Period
from billing.models import CurrentStatement, StatementMark, TenantPeriod
from billing.statements import build_current, compute_days, expiry, inputs, sql
from billing.statements.reader_turns import reader_turn
from portal.db import unit_of_work
from portal.errors import Refused, Unavailable
from portal.health import failpoints
from portal.jobs import shutdown
from portal.models import Tenant
from usage.models import FileState, UsageFile

logger = logging.getLogger(__name__)

# Seconds that a reader waits for a stale statement. A month of a usual tenant takes one
# or two.
PATIENCE = 10.0

# Seconds that the refresher spends on one tenant before the others have their turn.
_TURN = 60.0

# How long a claim lasts; if it ends early, a statement is computed twice.
_LEASE = timedelta(seconds=300)

# The delay of a mark after a failure; it doubles with each further failure.
_AGAIN_AFTER = timedelta(seconds=30)
_LONGEST_WAIT = timedelta(minutes=15)

# Large columns of a current statement; `fresh_statement` defers them.
LARGE = ("figures", "overview", "files", "differences")

# How often a statement is built for a reader, if something changes each time.
_MOST_BUILDS = 4

# How often the days of a period are computed in a row, if files arrive each time. More
# often, a day that was just computed must count as stale.
_MOST_ROUNDS = 50

# Why the statements of a tenant are not up to date.
STORE_AWAY = "store-away"
FAILED = "failed"


@dataclass(frozen=True, slots=True)
class StatementClaim:
    """A mark that this process has claimed until its lease ends."""

    tenant_id: int
    generation: int
    attempts: int


def fresh_statement(
    tenant_id: int,
    period: Period,
    *,
    at: datetime,
    seconds: float = PATIENCE,
    with_unreadable: bool = False,
) -> CurrentStatement:
    """Return the current statement of an opened period, computed now if it is stale.

    Its columns `LARGE` are deferred. With `with_unreadable`, also if files did not open
    the last time. Waits for up to `seconds`. Begins and ends units of work of its own,
    of the tenant.

    Raises:
        Refused: the period has not opened.
        Unavailable: the statement could not be computed now, or not in time.

    """
    until = time.monotonic() + seconds
    for _ in range(_MOST_BUILDS):
        current = _stored_if_fresh(tenant_id, period, at=at)
        if current is not None and not (with_unreadable and current.unreadable):
            return current
        _compute_for_reader(
            tenant_id,
            period,
            at=at,
            until=until,
            with_unreadable=with_unreadable,
        )
        # Files that did not open are tried once.
        with_unreadable = False
    raise Unavailable("statement-computing")


def _stored_if_fresh(
    tenant_id: int, period: Period, *, at: datetime
) -> CurrentStatement | None:
    with unit_of_work.acting_for(tenant_id, reading=True):
        if not TenantPeriod.objects.filter(period=str(period)).exists():
            raise Refused("not-found")
        if inputs.stale_periods(tenant_id, [str(period)], at=at):
            return None
        rows = CurrentStatement.objects.defer(*LARGE)
        return rows.get(period=str(period))


def _compute_for_reader(
    tenant_id: int,
    period: Period,
    *,
    at: datetime,
    until: float,
    with_unreadable: bool,
) -> None:
    try:
        is_done = refresh_period(
            tenant_id,
            period,
            at=at,
            seconds=until - time.monotonic(),
            with_unreadable=with_unreadable,
            gate=lambda: reader_turn(until=until),
        )
    except OperationalError:
        raise
    except OSError as error:
        logger.warning("The statement of tenant %s waits: %s", tenant_id, error)
        raise Unavailable("statement-waits") from error
    if not is_done:
        raise Unavailable("statement-computing")


def refresh_period(
    tenant_id: int,
    period: Period,
    *,
    at: datetime,
    seconds: float,
    with_unreadable: bool = False,
    gate: Callable[[], AbstractContextManager[object]] = nullcontext,
) -> bool:
    """Compute the current statement of an opened period; False if time ran out.

    `gate` is entered for each day that is computed.

    Days computed by then are kept. Begins and ends units of work of its own.

    Raises:
        OSError: the bytes of a file cannot be read at the moment.

    """
    until = time.monotonic() + seconds

    def has_time() -> bool:
        return time.monotonic() < until and not shutdown.is_requested()

    for _ in range(_MOST_ROUNDS):
        with unit_of_work.acting_for(tenant_id, reading=True, repeatable=True):
            found = inputs.load(Tenant.objects.get(), period)
        if not compute_days.compute_stale_days(
            found,
            at=at,
            has_time=has_time,
            with_unreadable=with_unreadable,
            gate=gate,
        ):
            return False
        # Files that did not open are tried once.
        with_unreadable = False
        if build_current.build(tenant_id, period, at=at):
            return True
        if not has_time():
            return False
    message = f"the days of {period} of tenant {tenant_id} stay stale"
    raise RuntimeError(message)


def refresh_marked(*, now: Callable[[], datetime], seconds: float) -> int:
    """Mark what has expired, then process due marks for up to some seconds.

    Returns the number of claimed marks. Begins and ends units of work of its own.
    """
    until, claimed = time.monotonic() + seconds, 0
    expiry.mark_expired(at=now())
    while not shutdown.is_requested() and time.monotonic() < until:
        claim = _claim()
        if claim is None:
            break
        claimed += 1
        _refresh_claimed(claim, at=now())
    return claimed


def _refresh_claimed(claim: StatementClaim, *, at: datetime) -> None:
    problem, wait = "", timedelta(0)
    try:
        if _refresh_tenant(claim, at=at):
            return
    except OperationalError as error:
        logger.warning("The statements of tenant %s wait: %s", claim.tenant_id, error)
        wait = _wait(claim)
    except OSError as error:
        logger.warning("The statements of tenant %s wait: %s", claim.tenant_id, error)
        problem, wait = STORE_AWAY, _wait(claim)
    except Exception:
        logger.exception("The statements of tenant %s failed", claim.tenant_id)
        problem, wait = FAILED, _wait(claim)
    _postpone(claim, problem=problem, after=wait)


def _wait(claim: StatementClaim) -> timedelta:
    doublings: int = 2 ** min(claim.attempts - 1, 10)
    return min(_AGAIN_AFTER * doublings, _LONGEST_WAIT)


def _refresh_tenant(claim: StatementClaim, *, at: datetime) -> bool:
    """Refresh stale periods, newest first; remove the mark. False if time ran out."""
    until = time.monotonic() + _TURN
    for name in _marked_periods(claim.tenant_id, at=at):
        left = until - time.monotonic()
        period = Period.parse(name)
        if left <= 0 or not refresh_period(
            claim.tenant_id, period, at=at, seconds=left, with_unreadable=True
        ):
            return False
    with unit_of_work.acting_for(claim.tenant_id):
        marks = StatementMark.objects.filter(tenant=claim.tenant_id)
        marks.filter(generation=claim.generation).delete()
        # A mark that was set again meanwhile is free for the next claim.
        marks.update(leased_until=None, attempts=0)
    failpoints.reach("statement:unmarked")
    return True


def _marked_periods(tenant_id: int, *, at: datetime) -> list[str]:
    """Return the stale periods that have a file, or had a statement; newest first."""
    with unit_of_work.acting_for(tenant_id, reading=True):
        opened = list(TenantPeriod.objects.values_list("period", flat=True))
        stale = inputs.stale_periods(tenant_id, opened, at=at)
        shown = set(CurrentStatement.objects.values_list("period", flat=True))
        days = UsageFile.objects.filter(state=FileState.ACCEPTED, day__isnull=False)
        with_files = {
            str(Period.containing(day))
            for day in days.values_list("day", flat=True).distinct()
            if day is not None
        }
    return sorted(stale & (shown | with_files), reverse=True)


def _claim() -> StatementClaim | None:
    parameters: dict[str, Any] = {"lease": _LEASE}
    with (
        unit_of_work.acting_for(unit_of_work.SWEEP),
        connection.cursor() as cursor,
    ):
        cursor.execute(sql.CLAIM, parameters)
        row = cursor.fetchone()
    failpoints.reach("statement:claimed")
    return StatementClaim(*row) if row else None


def _postpone(claim: StatementClaim, *, problem: str, after: timedelta) -> None:
    parameters: dict[str, Any] = {
        "tenant": claim.tenant_id,
        "generation": claim.generation,
        "problem": problem,
        "after": after,
    }
    with (
        unit_of_work.acting_for(unit_of_work.SWEEP),
        connection.cursor() as cursor,
    ):
        cursor.execute(sql.POSTPONE, parameters)
        cursor.execute(sql.RELEASE, parameters)
