"""Refreshes stale summaries in slices, each of which holds the tenant's lock briefly.

The refresher processes marks (`refresh_marked`), one slice for each tenant in turn.
Whoever decides something from the summary of one period refreshes that period first
(`refresh_period`, `holding_fresh_period`), and leaves the marks to the refresher.

A slice is one unit of work. Its steps keep this order:

1. The tenant's lock, in a statement of its own: the next one sees all that was
   committed before.
2. The summaries of servers, as many as are computed in the time of a slice.
3. The tenant's summary of each period all of whose servers are done.
4. The late flags of these periods, read only now.
5. The marks that are done, where they still have the generation that was read.
"""

import logging
import time
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from datetime import timedelta
from typing import Any

from django.db import OperationalError, connection

from billing.periods import (
    answered_excuses,
    marks,
    stale_summaries,
    store_summaries,
    update_flags,
)
from billing.periods import sql as period_sql
from billing.periods.marks import MOST_ATTEMPTS, MarkClaim
from billing.periods.stale_summaries import StaleSummaries
from portal.db import unit_of_work
from portal.errors import Unavailable
from portal.health import failpoints
from portal.jobs import shutdown

logger = logging.getLogger(__name__)

# How long a slice computes, in seconds. With loading and storing it takes a tenth of a
# second: an upload of the tenant waits for one slice at most, and should not notice it.
SLICE = 0.05

# Shortest wait where no mark can be claimed, in seconds: a due one may be locked.
_SHORTEST_WAIT = 0.05

# Longest wait for the next mark to become due before a run ends, in seconds.
_LONGEST_WAIT = 5.0

# Tenants that are read at once to be refreshed.
_TENANTS_AT_ONCE = 500

# How long a mark is postponed after a failure, and after the last attempt.
_AGAIN_AFTER = timedelta(seconds=10)
_AGAIN_AFTER_LAST = timedelta(minutes=10)

# How long a decision waits for the summary that it needs, in seconds.
PATIENCE = 30.0


def refresh_marked(*, seconds: float) -> int:
    """Process marks for so long, or until none is due soon.

    Return how often a tenant was claimed.
    """
    until, claimed = time.monotonic() + seconds, 0
    while not shutdown.is_requested() and time.monotonic() < until:
        claim = marks.claim()
        if claim is not None:
            _refresh_claimed(claim)
            claimed += 1
            continue
        wait = marks.seconds_until_due()
        if wait is None or wait > _LONGEST_WAIT:
            break
        shutdown.wait(
            min(max(wait, _SHORTEST_WAIT), max(0.0, until - time.monotonic()))
        )
    return claimed


def refresh_all(
    *, seconds: float, only: int | None = None, with_failed: bool = False
) -> bool:
    """Refresh all stale summaries now, due or not; False if some are left.

    Of one tenant, if `only` is its id. Tenants that have failed are left out, for they
    can end this process, unless they are asked for. Begins and ends units of work of
    its own, tenant by tenant.
    """
    until = time.monotonic() + seconds
    failed: set[int] = set()
    while time.monotonic() < until:
        with unit_of_work.acting_for(unit_of_work.STAFF, reading=True):
            tenants = marks.marked_tenants(
                only=only,
                other_than=failed,
                most=_TENANTS_AT_ONCE,
                with_failed=with_failed,
            )
        if not tenants:
            return not failed
        failed |= {one for one in tenants if not _refresh_all_of(one, until=until)}
    return False


def _refresh_all_of(tenant_id: int, *, until: float) -> bool:
    claim = MarkClaim(tenant_id)
    try:
        while time.monotonic() < until:
            if _refresh_slice(tenant_id, claim=claim):
                return True
    except Exception:
        logger.exception("The summaries of tenant %s failed", tenant_id)
    return False


def refresh_period(tenant_id: int, period: str, *, seconds: float = PATIENCE) -> bool:
    """Refresh one period of a tenant; False if time ran out before.

    Begins and ends units of work of its own. Leaves the marks alone.
    """
    until = time.monotonic() + seconds
    while not _refresh_slice(tenant_id, period=period):
        if time.monotonic() >= until:
            return False
    return True


def refresh_tenants(
    tenant_ids: Collection[int], period: str, *, seconds: float = PATIENCE
) -> None:
    """Refresh one period of some tenants, within some seconds.

    Begins and ends units of work of its own.
    """
    until = time.monotonic() + seconds
    with unit_of_work.acting_for(unit_of_work.STAFF, reading=True):
        stale = marks.stale_tenants(tenant_ids, period, with_failed=False)
    for tenant_id in sorted(stale):
        left = until - time.monotonic()
        if left <= 0:
            return
        try_refresh_period(tenant_id, period, seconds=left)


def try_refresh_period(tenant_id: int, period: str, *, seconds: float) -> bool:
    """Refresh one period; log an error and return False if it fails."""
    try:
        return refresh_period(tenant_id, period, seconds=seconds)
    except Exception:
        # The refresher counts its own attempts, and reports the tenant as failed.
        logger.exception("The summary of tenant %s, %s failed", tenant_id, period)
        return False


@contextmanager
def holding_fresh_period(tenant_id: int, period: str) -> Iterator[None]:
    """Open a unit of work that holds the tenant, with a fresh summary of one period.

    Raises:
        Unavailable: the summary could not be computed, or not in time.

    """
    with unit_of_work.acting_for(tenant_id, reading=True):
        if marks.has_failed(tenant_id) and marks.stale_periods(tenant_id, [period]):
            raise Unavailable("summary-failed")
    try:
        is_fresh = refresh_period(tenant_id, period)
    except OperationalError:
        raise
    except Exception as error:
        logger.exception("The summary of tenant %s, %s failed", tenant_id, period)
        raise Unavailable("summary-failed") from error
    if not is_fresh:
        raise Unavailable("busy")
    with unit_of_work.acting_for(tenant_id, holding=True):
        # A few files may have arrived since.
        while not _refresh(tenant_id, period=period):
            pass
        yield


def _refresh_claimed(claim: MarkClaim) -> None:
    if claim.attempts > MOST_ATTEMPTS:
        # Each earlier attempt ended its process.
        _record_failure(claim, after=_AGAIN_AFTER_LAST)
        return
    try:
        _refresh_slice(claim.tenant_id, claim=claim)
    except OperationalError as error:
        # A lock or the database is not available, which is no fault of the tenant.
        logger.warning("The summaries of tenant %s wait: %s", claim.tenant_id, error)
        _release(claim)
    except Exception:
        logger.exception("The summaries of tenant %s failed", claim.tenant_id)
        is_last = claim.attempts >= MOST_ATTEMPTS
        _record_failure(claim, after=_AGAIN_AFTER_LAST if is_last else _AGAIN_AFTER)


def _refresh_slice(
    tenant_id: int, *, period: str | None = None, claim: MarkClaim | None = None
) -> bool:
    with unit_of_work.acting_for(tenant_id, holding=True):
        is_done = _refresh(tenant_id, period=period, claim=claim)
    failpoints.reach("summary:committed")
    return is_done


def _refresh(
    tenant_id: int, *, period: str | None = None, claim: MarkClaim | None = None
) -> bool:
    """Refresh for a slice, under the tenant's lock; return whether all is done."""
    found = stale_summaries.find(tenant_id, period=period)
    until = time.monotonic() + SLICE
    done = list(stale_summaries.compute_server_periods(found, until=until))
    failpoints.reach("summary:computed")
    store_summaries.store_server_rows([row for _, row in done])
    _update_excuses(found)
    failpoints.reach("summary:servers")
    left = found.server_periods[len(done) :]
    whole = found.periods.keys() - {one.opened.period for one in left}
    merged = stale_summaries.merged_summaries(found, whole, until=until)
    rows = store_summaries.store_period_rows(tenant_id, merged)
    failpoints.reach("summary:tenant")
    by_period = {row.period: row for row in rows}
    if rows:
        update_flags.update_flags(tenant_id, by_period, at=found.changed_at())
    failpoints.reach("summary:flags")
    stale = found.periods.keys() - by_period.keys()
    if claim is not None:
        _remove_marks(found, stale, claim)
    failpoints.reach("summary:deleted")
    return not stale


def _update_excuses(found: StaleSummaries) -> None:
    """End the excuses whose days the stored summaries show as received."""
    if found.loaded is not None and found.loaded.excuses:
        answered_excuses.update_answered(
            found.tenant.pk,
            found.loaded.excuses,
            at=max(found.changed_at().values()),
        )


def _remove_marks(found: StaleSummaries, stale: set[str], claim: MarkClaim) -> None:
    """Remove the marks that are done, and release those of stale periods."""
    done = [one for one in found.marks if not any(map(one.covers, stale))]
    with connection.cursor() as cursor:
        cursor.execute(
            period_sql.REMOVE,
            {
                "marks": [one.pk for one in done],
                "generations": [one.generation for one in done],
                "claimed": claim.mark,
            },
        )


def _release(claim: MarkClaim) -> None:
    """Release marks that could not be tried; that is no failed attempt."""
    _postpone(claim, period_sql.RELEASE, after=timedelta(seconds=1))


def _record_failure(claim: MarkClaim, *, after: timedelta) -> None:
    _postpone(claim, period_sql.RECORD_FAILURE, after=after)


def _postpone(claim: MarkClaim, statement: str, *, after: timedelta) -> None:
    parameters: dict[str, Any] = {
        "mark": claim.mark,
        "generation": claim.generation,
        "after": after,
        "is_last": after >= _AGAIN_AFTER_LAST,
    }
    with (
        unit_of_work.acting_for(unit_of_work.SWEEP),
        connection.cursor() as cursor,
    ):
        cursor.execute(statement, parameters)
