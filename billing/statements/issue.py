"""Issues a version of a statement: frozen, numbered, and never changed afterwards."""

import hashlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.db import connection

from billing.coverage.periods import Period
from billing.models import (
    CurrentStatement,
    MonthEndOutcome,
    Statement,
    StatementState,
    TenantPeriod,
)
from billing.statements import inputs, plan_mails, refresh, sql, stored_pdfs, tables
from billing.statements.document import Envelope, as_bytes, document
from portal.audit import log as audit_log
from portal.db import unit_of_work
from portal.errors import Refused, Unavailable
from portal.health import failpoints
from portal.models import Tenant

# Seconds that issuing waits for the figures: enough for the largest month.
PATIENCE = 120.0

# Attempts to issue; each fails if a file arrives between the computation and the lock.
_MOST_TRIES = 5

# The refusal behind each outcome that prevents issuing.
_REFUSALS: Mapping[MonthEndOutcome, Callable[[], Refused]] = {
    MonthEndOutcome.RUNNING: lambda: Refused("statement-running"),
    MonthEndOutcome.UNCLASSIFIED: lambda: Refused("statement-unclassified"),
    MonthEndOutcome.UNREADABLE: lambda: Refused("statement-unreadable"),
    MonthEndOutcome.INCOMPLETE: lambda: Refused("statement-incomplete"),
    MonthEndOutcome.UNCHANGED: lambda: Refused("statement-unchanged"),
    MonthEndOutcome.CHANGED: lambda: Refused("statement-needs-reason"),
    MonthEndOutcome.NOTHING: lambda: Refused("statement-empty"),
}
_OUTCOMES = {make().code: outcome for outcome, make in _REFUSALS.items()}


@dataclass(frozen=True, slots=True, kw_only=True)
class IssueRequest:
    """A request to issue the next version of a period's statement.

    `with_incomplete` closes a period that is not complete, for the `reason`; a later
    version needs a reason as well. `expected` is the hash of the figures to issue, as
    the person has seen them; None issues whatever the figures are. `with_mails` plans
    the mails about the version.
    """

    period: Period
    by: str
    at: datetime
    reason: str = ""
    with_incomplete: bool = False
    expected: str | None = None
    with_mails: bool = True


def issue(tenant_id: int, wanted: IssueRequest) -> Statement:
    """Issue the next version of a tenant's statement.

    Begins and ends units of work of its own. A file that is accepted meanwhile is
    either in this version or in the draft of the next one: the version is made under
    the tenant's lock, from figures that no later mark covers.

    Raises:
        Refused: something prevents it; see `_REFUSALS`.
        Unavailable: the figures could not be computed now, or not in time.

    """
    for _ in range(_MOST_TRIES):
        refresh.fresh_statement(
            tenant_id,
            wanted.period,
            at=wanted.at,
            seconds=PATIENCE,
            with_unreadable=True,
        )
        issued = None
        with unit_of_work.acting_for(tenant_id, holding=True):
            if not inputs.stale_periods(tenant_id, [str(wanted.period)], at=wanted.at):
                issued = _issue(tenant_id, wanted)
        if issued is not None:
            failpoints.reach("statement:committed")
            stored_pdfs.store_if_possible(issued)
            return issued
    raise Unavailable("busy")


def outcome_of(current: CurrentStatement, *, with_reason: bool) -> MonthEndOutcome:
    """Return what prevents issuing a fresh statement, or `COMPUTED` if nothing does.

    `with_reason`: whether a reason for a later version was given.
    """
    is_empty = not (current.owed or current.file_count or current.lacking)
    is_later = current.state != StatementState.PROVISIONAL
    # In this order: the first that applies has to be resolved first.
    reasons = (
        (is_empty and not is_later, MonthEndOutcome.NOTHING),
        (current.unreadable, MonthEndOutcome.UNREADABLE),
        (current.unclassified, MonthEndOutcome.UNCLASSIFIED),
        (not current.is_over or current.pending, MonthEndOutcome.RUNNING),
        (current.state == StatementState.ISSUED, MonthEndOutcome.UNCHANGED),
        (is_later and not with_reason, MonthEndOutcome.CHANGED),
        (current.lacking, MonthEndOutcome.INCOMPLETE),
    )
    found = (outcome for applies, outcome in reasons if applies)
    return next(found, MonthEndOutcome.COMPUTED)


def outcome_behind(refusal: Refused) -> MonthEndOutcome:
    """Return the outcome behind a refusal of `issue`; raise any other refusal."""
    found = _OUTCOMES.get(refusal.code)
    if found is None:
        raise refusal
    return found


def _issue(tenant_id: int, wanted: IssueRequest) -> Statement:
    """Issue, in the running unit of work, which holds the tenant."""
    current = CurrentStatement.objects.get(period=str(wanted.period))
    _check(current, wanted)
    tenant = Tenant.objects.get()
    opened = TenantPeriod.objects.get(period=str(wanted.period))
    last = Statement.objects.filter(period=str(wanted.period)).order_by("-version")
    replaced = last.first()
    version = replaced.version + 1 if replaced else 1
    envelope = Envelope(
        state=StatementState.ISSUED,
        number=f"{tenant.number}-{wanted.period}-{version}",
        version=version,
        issued_at=wanted.at.replace(microsecond=0),
        reason=wanted.reason,
        replaces=replaced,
    )
    written = document(current, tenant, zone=opened.zone, envelope=envelope)
    statement = _statement(current, wanted, envelope, written)
    _mark_issued(current, version)
    audit_log.append(
        tenant_id=tenant_id,
        actor=wanted.by,
        act="statement-issued",
        subject=statement.number,
        at=wanted.at,
        details=_details(current, statement, wanted),
    )
    if wanted.with_mails:
        plan_mails.plan(statement, at=wanted.at)
    failpoints.reach("statement:written")
    # The last lock, held to the commit: a reader that has seen a position has seen all
    # smaller ones, and what commits later gets a larger one.
    statement.position = _next_position()
    statement.save(force_insert=True)
    failpoints.reach("statement:issued")
    return statement


def _check(current: CurrentStatement, wanted: IssueRequest) -> None:
    found = outcome_of(current, with_reason=bool(wanted.reason))
    if found is MonthEndOutcome.INCOMPLETE and wanted.with_incomplete and wanted.reason:
        found = MonthEndOutcome.COMPUTED
    if found is not MonthEndOutcome.COMPUTED:
        raise _REFUSALS[found]()
    if wanted.expected not in (None, current.figures_sha256):
        raise Refused("statement-changed")


def _statement(
    current: CurrentStatement,
    wanted: IssueRequest,
    envelope: Envelope,
    written: dict[str, Any],
) -> Statement:
    number, version, issued_at = envelope.number, envelope.version, envelope.issued_at
    if number is None or version is None or issued_at is None:
        message = "An issued version has a number."
        raise RuntimeError(message)
    data = as_bytes(written)
    csv, focus_csv = (
        table(written).encode() for table in (tables.as_csv, tables.as_focus_csv)
    )
    return Statement(
        tenant_id=current.tenant_id,
        period=current.period,
        version=version,
        number=number,
        issued_at=issued_at,
        issued_by=wanted.by,
        reason=wanted.reason,
        replaces=envelope.replaces,
        figures_sha256=current.figures_sha256,
        sha256=_sha256(data),
        overview=current.overview,
        document=data,
        csv=csv,
        csv_sha256=_sha256(csv),
        focus_csv=focus_csv,
        focus_csv_sha256=_sha256(focus_csv),
        files=bytes(current.files),
    )


def _sha256(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


def _details(
    current: CurrentStatement, statement: Statement, wanted: IssueRequest
) -> dict[str, str | int]:
    return {
        "period": statement.period,
        "version": statement.version,
        "reason": wanted.reason,
        "sha256": statement.sha256,
        "figures_sha256": statement.figures_sha256,
        "lacking": current.lacking,
    }


def _mark_issued(current: CurrentStatement, version: int) -> None:
    """Make the current statement the issued version.

    The result of a build that compared with an earlier version is not stored any more.
    """
    current.version = version
    current.state = StatementState.ISSUED
    current.differences = []
    current.save(update_fields=["version", "state", "differences"])


def _next_position() -> int:
    with connection.cursor() as cursor:
        cursor.execute(sql.NEXT_POSITION)
        [(position,)] = cursor.fetchall()
    return int(position)
