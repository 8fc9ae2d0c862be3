"""Records customers' requests to excuse missing files, and the staff's decisions.

Customers call, from their own pages:

    request_excuse(tenant_id, request=ExcuseRequest(...), by=..., at=...) -> Excuse
    withdraw(tenant_id, excuse_id=..., by=..., at=...) -> Excuse

Billing staff call, for one excuse of one tenant:

    approve(tenant_id, excuse_id=..., by=..., at=..., reason="") -> Excuse
    refuse(tenant_id, excuse_id=..., by=..., at=..., reason=...) -> Excuse

Each opens a unit of work for the tenant, takes its lock, writes to the audit trail and
marks the summaries. All raise `Refused`: *not-found* where the tenant has no such
server or excuse, *decided-already* where somebody was first, *reason-needed*.

The calendar decides what an excuse covers: an excuse that files contradict ends by
itself (`billing.periods.answered_excuses` ends one that nobody has decided), and one
that was requested after the deadline does not undo lateness.
"""

from dataclasses import dataclass
from datetime import date, datetime
from uuid import UUID

from django.db.models import Q, QuerySet

from billing.coverage.calendar import Calendar
from billing.coverage.cells import UNCOVERED
from billing.coverage.periods import Period
from billing.models import Excuse, ExcuseKindChoices
from billing.periods import marks
from billing.periods.marks import ALL_PERIODS
from billing.periods.queries import view_period
from portal import approvals
from portal.approvals import Decision, open_request, record_decision
from portal.audit import log as audit_log
from portal.db import unit_of_work
from portal.errors import Refused
from usage.models import Server


@dataclass(frozen=True, slots=True, kw_only=True)
class ExcuseRequest:
    """A request to excuse days of one period, or file numbers missing around it.

    `numbers` are the first and the last of a `series`, both included.
    """

    server_id: int
    kind: ExcuseKindChoices
    period: Period
    reason: str
    days: frozenset[date] = frozenset()
    series: UUID | None = None
    numbers: tuple[int, int] | None = None


def open_excuses() -> QuerySet[Excuse]:
    """Return the excuses that wait for a decision, oldest first, with their servers.

    In the caller's unit of work, of a tenant or of the staff.
    """
    waiting = Excuse.objects.filter(decision="", answered_at=None)
    return waiting.select_related("server", "tenant").order_by("asked_at", "pk")


def request_excuse(
    tenant_id: int, *, request: ExcuseRequest, by: str, at: datetime
) -> Excuse:
    """Record a request to excuse missing days or files.

    Raises:
        Refused: no such server, no reason, something that is not missing now (also:
            days that are not over), or that is requested already.

    """
    with unit_of_work.acting_for(tenant_id):
        unit_of_work.hold_tenant(tenant_id)
        server = Server.objects.filter(pk=request.server_id).first()
        if server is None:
            raise Refused("not-found")
        reason = approvals.required(request.reason)
        if _is_requested_already(request):
            raise Refused("asked-already")
        found = view_period(request.period, at=at).judgement.calendar
        if not _is_missing(found, server.name, request):
            raise Refused("not-missing")
        first, last = request.numbers or (None, None)
        excuse = Excuse.objects.create(
            tenant_id=tenant_id,
            server=server,
            kind=request.kind,
            days=sorted(request.days),
            series=request.series,
            first_sequence=first,
            last_sequence=last,
            reason=reason,
            asked_by=by[:200],
            asked_at=at,
        )
        _mark(excuse, at=at)
        _audit(excuse, act="excuse-asked", by=by, at=at, reason=reason)
    return excuse


def withdraw(tenant_id: int, *, excuse_id: int, by: str, at: datetime) -> Excuse:
    """Withdraw an excuse of one's own company that nobody has decided on."""
    return _decide(tenant_id, excuse_id, Decision.WITHDRAWN, by=by, at=at, reason="")


def approve(
    tenant_id: int, *, excuse_id: int, by: str, at: datetime, reason: str = ""
) -> Excuse:
    """Approve an excuse; it counts as far as no file contradicts it."""
    reason = approvals.optional(reason)
    return _decide(tenant_id, excuse_id, Decision.APPROVED, by=by, at=at, reason=reason)


def refuse(
    tenant_id: int, *, excuse_id: int, by: str, at: datetime, reason: str
) -> Excuse:
    """Refuse an excuse, so its files stay missing; the customer sees the reason."""
    reason = approvals.required(reason)
    return _decide(tenant_id, excuse_id, Decision.REFUSED, by=by, at=at, reason=reason)


def _decide(
    tenant_id: int,
    excuse_id: int,
    decision: Decision,
    *,
    by: str,
    at: datetime,
    reason: str,
) -> Excuse:
    reason = approvals.optional(reason)
    with unit_of_work.acting_for(tenant_id):
        excuse = open_request(Excuse, tenant_id=tenant_id, request_id=excuse_id)
        if excuse.answered_at is not None:
            raise Refused("decided-already")
        record_decision(excuse, decision, by=by, at=at, reason=reason)
        _mark(excuse, at=at)
        _audit(excuse, act=f"excuse-{decision}", by=by, at=at, reason=reason)
    return excuse


def _mark(excuse: Excuse, *, at: datetime) -> None:
    """Mark all periods of the server: numbers may lie around any of them."""
    marks.mark(excuse.tenant_id, ALL_PERIODS, at=at, server_id=excuse.server_id)


def _is_requested_already(request: ExcuseRequest) -> bool:
    same = Q(days__overlap=sorted(request.days)) if request.days else Q(pk=None)
    if request.numbers is not None:
        first, last = request.numbers
        same |= Q(
            series=request.series, first_sequence__lte=last, last_sequence__gte=first
        )
    return open_excuses().filter(same, server=request.server_id).exists()


def _is_missing(found: Calendar, server: str, request: ExcuseRequest) -> bool:
    """Return whether all of it is missing now, and owed; False if it is empty."""
    if request.numbers is not None:
        first, last = request.numbers
        is_lost = (
            request.kind == ExcuseKindChoices.LOST
            and first <= last
            and not request.days
        )
        return is_lost and any(
            (gap.server, gap.series) == (server, request.series)
            and gap.first_sequence <= first
            and last <= gap.last_sequence
            for gap in found.missing_files
        )
    cells = (found.cells.get((server, day)) for day in request.days)
    return bool(request.days) and all(
        cell and cell.state in UNCOVERED for cell in cells
    )


def _audit(excuse: Excuse, *, act: str, by: str, at: datetime, reason: str) -> None:
    audit_log.append(
        tenant_id=excuse.tenant_id,
        actor=by,
        act=act,
        subject=excuse.server.name,
        details={
            "kind": excuse.kind,
            "days": ", ".join(map(str, excuse.days)),
            "series": str(excuse.series) if excuse.series else None,
            "first_sequence": excuse.first_sequence,
            "last_sequence": excuse.last_sequence,
            "reason": reason,
        },
        at=at,
    )
