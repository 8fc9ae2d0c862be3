"""Files that will never come are excused: a customer asks, the billing staff answer.

Customers call, from their own pages:

    ask(tenant_id, wish=Wish(...), by=..., at=...) -> Excuse
    withdraw(tenant_id, excuse_id=..., by=..., at=...) -> Excuse

Billing staff call, for one excuse of one tenant:

    approve(tenant_id, excuse_id=..., by=..., at=..., reason="") -> Excuse
    refuse(tenant_id, excuse_id=..., by=..., at=..., reason=...) -> Excuse

Each opens a unit of work for the tenant, takes its lock, tells the audit trail and
keeps the roll-ups. All raise `Refused`: *not-found* where the tenant has no such server
or excuse, *decided-already* where somebody was first, *reason-needed*.

What an excuse is worth is the calendar's to say: one that files contradict ends by
itself, and one that was asked for after the deadline does not undo lateness.
"""

from dataclasses import dataclass
from datetime import date, datetime
from uuid import UUID

from django.db.models import Q, QuerySet

from billing.coverage.cells import UNCOVERED
from billing.coverage.coverage import Calendar
from billing.coverage.periods import Period
from billing.models import Excuse, ExcuseKindChoices
from billing.periods import refresh_summary
from billing.periods.queries import view_period
from portal import approvals
from portal.approvals import Decision, open_request, record_decision
from portal.audit import log as audit_log
from portal.db import unit_of_work
from portal.errors import Refused
from usage.models import Server


@dataclass(frozen=True, slots=True, kw_only=True)
class ExcuseRequest:
    """What shall be excused: days of one period, or numbers missing around it.

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
    """Return the excuses that wait for an answer, oldest first, with their servers.

    In the caller's unit of work, of a tenant or of the staff.
    """
    waiting = Excuse.objects.filter(decision="")
    return waiting.select_related("server", "tenant").order_by("asked_at", "pk")


def request_excuse(
    tenant_id: int, *, wish: ExcuseRequest, by: str, at: datetime
) -> Excuse:
    """Ask that what is missing need not come.

    Raises:
        Refused: no such server, no reason, something that is not missing now (also:
            days that are not over), or that is asked for already.

    """
    with unit_of_work.acting_for(tenant_id):
        unit_of_work.hold_tenant(tenant_id)
        server = Server.objects.filter(pk=wish.server_id).first()
        if server is None:
            raise Refused("not-found")
        reason = approvals.required(wish.reason)
        if _asked_already(wish):
            raise Refused("asked-already")
        found = view_period(wish.period, at=at).judgement.calendar
        if not _is_missing(found, server.name, wish):
            raise Refused("not-missing")
        first, last = wish.numbers or (None, None)
        excuse = Excuse.objects.create(
            tenant_id=tenant_id,
            server=server,
            kind=wish.kind,
            days=sorted(wish.days),
            series=wish.series,
            first_sequence=first,
            last_sequence=last,
            reason=reason,
            asked_by=by[:200],
            asked_at=at,
        )
        refresh_summary.refresh_all(excuse.tenant, at=at)
        _audit(excuse, act="excuse-asked", by=by, at=at, reason=reason)
    return excuse


def withdraw(tenant_id: int, *, excuse_id: int, by: str, at: datetime) -> Excuse:
    """Take an excuse of one's own company back that nobody has answered."""
    return _answer(tenant_id, excuse_id, Decision.WITHDRAWN, by=by, at=at, reason="")


def approve(
    tenant_id: int, *, excuse_id: int, by: str, at: datetime, reason: str = ""
) -> Excuse:
    """Let it count, as far as no file contradicts it."""
    reason = reason.replace("\0", "").strip()
    return _answer(tenant_id, excuse_id, Decision.APPROVED, by=by, at=at, reason=reason)


def refuse(
    tenant_id: int, *, excuse_id: int, by: str, at: datetime, reason: str
) -> Excuse:
    """Leave it missing; the customer sees the reason."""
    reason = approvals.required(reason)
    return _answer(tenant_id, excuse_id, Decision.REFUSED, by=by, at=at, reason=reason)


def _answer(
    tenant_id: int,
    excuse_id: int,
    decision: Decision,
    *,
    by: str,
    at: datetime,
    reason: str,
) -> Excuse:
    with unit_of_work.acting_for(tenant_id):
        excuse = open_request(Excuse, tenant_id=tenant_id, request_id=excuse_id)
        record_decision(excuse, decision, by=by, at=at, reason=reason[:1_000])
        refresh_summary.refresh_all(excuse.tenant, at=at)
        _audit(excuse, act=f"excuse-{decision}", by=by, at=at, reason=reason)
    return excuse


def _asked_already(wish: ExcuseRequest) -> bool:
    same = Q(days__overlap=sorted(wish.days)) if wish.days else Q(pk=None)
    if wish.numbers is not None:
        first, last = wish.numbers
        same |= Q(
            series=wish.series, first_sequence__lte=last, last_sequence__gte=first
        )
    return open_excuses().filter(same, server=wish.server_id).exists()


def _is_missing(found: Calendar, server: str, wish: ExcuseRequest) -> bool:
    """Say whether all of it is missing now, and owed; a wish for nothing is not."""
    if wish.numbers is not None:
        first, last = wish.numbers
        is_lost = (
            wish.kind == ExcuseKindChoices.LOST and first <= last and not wish.days
        )
        return is_lost and any(
            (gap.server, gap.series) == (server, wish.series)
            and gap.first_sequence <= first
            and last <= gap.last_sequence
            for gap in found.missing_files
        )
    cells = (found.cells.get((server, day)) for day in wish.days)
    return bool(wish.days) and all(cell and cell.state in UNCOVERED for cell in cells)


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
