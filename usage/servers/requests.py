"""Changes a server's owed days: at once if it owes more, else by a request.

Customers call, from their own pages:

    request_change(tenant_id, change=ServerChange(...), by=..., at=...)
        -> ServerRequest | None
    withdraw(tenant_id, request_id=..., by=..., at=...) -> ServerRequest

Billing staff call, for one request of one tenant:

    approve(tenant_id, request_id=..., by=..., at=..., reason="") -> ServerRequest
    refuse(tenant_id, request_id=..., by=..., at=..., reason=...) -> ServerRequest

Each opens a unit of work for the tenant, takes its lock, and writes the audit trail.
All raise `Refused`: *not-found* where the tenant has no such server or request,
*decided-already* where somebody was first, *reason-needed*. `open_requests()` returns
those that wait, oldest first, in the caller's unit of work (a tenant's or the staff's).

An approved request counts as far as no file contradicts it: the calendar reads an
earlier file, or one after the last day, as the truth.
"""

from dataclasses import dataclass
from datetime import date, datetime

from django.db.models import QuerySet

from portal import approvals
from portal.approvals import Decision, open_request, record_decision
from portal.audit import log as audit_log
from portal.db import unit_of_work
from portal.errors import Refused
from portal.models import Tenant
from usage import signals
from usage.models import Server, ServerRequest, ServerRequestKind

# The column of a server that each kind of request is about.
_COLUMNS = {
    ServerRequestKind.FIRST_DAY: "first_owed_on",
    ServerRequestKind.LAST_DAY: "retired_on",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class ServerChange:
    """A change of a server's first or last owed day.

    `day` None: from the tenant's first day on, or in use again without a last day.
    """

    server_id: int
    kind: ServerRequestKind
    day: date | None
    reason: str


def open_requests() -> QuerySet[ServerRequest]:
    """Return the requests that wait for an answer, oldest first, with their servers."""
    waiting = ServerRequest.objects.filter(decision="")
    return waiting.select_related("server", "tenant").order_by("asked_at", "pk")


def request_change(
    tenant_id: int, *, change: ServerChange, by: str, at: datetime
) -> ServerRequest | None:
    """Change a server's first or last owed day, or ask the staff to.

    Returns:
        The request that now waits; None if the change took effect at once, because
        the server owes more by it.

    Raises:
        Refused: no such server, no reason for a request, nothing would change, or a
            request about the same waits already.

    """
    with unit_of_work.acting_for(tenant_id):
        unit_of_work.hold_tenant(tenant_id)
        server = Server.objects.filter(pk=change.server_id).first()
        if server is None:
            raise Refused("not-found")
        if open_requests().filter(server=server, kind=change.kind).exists():
            raise Refused("asked-already")
        if change.day == _current(server, change.kind):
            raise Refused("nothing-to-change")
        if change.day is not None and _lowers_debt(server, change.kind, change.day):
            return _request(server, change, change.day, by=by, at=at)
        _change(server, change.kind, change.day, by=by, at=at, reason=change.reason)
    return None


def withdraw(
    tenant_id: int, *, request_id: int, by: str, at: datetime
) -> ServerRequest:
    """Withdraw a request of one's own company."""
    with unit_of_work.acting_for(tenant_id):
        request = open_request(
            ServerRequest, tenant_id=tenant_id, request_id=request_id
        )
        _decide(request, Decision.WITHDRAWN, by=by, at=at, reason="")
    return request


def approve(
    tenant_id: int, *, request_id: int, by: str, at: datetime, reason: str = ""
) -> ServerRequest:
    """Let a server owe less, as it was requested."""
    with unit_of_work.acting_for(tenant_id):
        request = open_request(
            ServerRequest, tenant_id=tenant_id, request_id=request_id
        )
        _decide(
            request, Decision.APPROVED, by=by, at=at, reason=approvals.optional(reason)
        )
        kind = ServerRequestKind(request.kind)
        _change(request.server, kind, request.day, by=by, at=at, reason=request.reason)
    return request


def refuse(
    tenant_id: int, *, request_id: int, by: str, at: datetime, reason: str
) -> ServerRequest:
    """Refuse a request; the customer sees the reason."""
    reason = approvals.required(reason)
    with unit_of_work.acting_for(tenant_id):
        request = open_request(
            ServerRequest, tenant_id=tenant_id, request_id=request_id
        )
        _decide(request, Decision.REFUSED, by=by, at=at, reason=reason)
    return request


def _current(server: Server, kind: ServerRequestKind) -> date | None:
    return (
        server.first_owed_on
        if kind == ServerRequestKind.FIRST_DAY
        else server.retired_on
    )


def _lowers_debt(server: Server, kind: ServerRequestKind, day: date) -> bool:
    """Return whether the server would owe less: begin later, or end, or end earlier."""
    if kind == ServerRequestKind.FIRST_DAY:
        return day > (server.first_owed_on or Tenant.objects.get().first_owed_on)
    return server.retired_on is None or day < server.retired_on


def _request(
    server: Server, change: ServerChange, day: date, *, by: str, at: datetime
) -> ServerRequest:
    request = ServerRequest.objects.create(
        tenant_id=server.tenant_id,
        server=server,
        kind=change.kind,
        day=day,
        reason=approvals.required(change.reason),
        asked_by=by[:200],
        asked_at=at,
    )
    _audit(request, act="server-change-asked", by=by, at=at, reason=request.reason)
    return request


def _decide(
    request: ServerRequest, decision: Decision, *, by: str, at: datetime, reason: str
) -> None:
    record_decision(request, decision, by=by, at=at, reason=reason)
    _audit(request, act=f"server-change-{decision}", by=by, at=at, reason=reason)


def _change(
    server: Server,
    kind: ServerRequestKind,
    day: date | None,
    *,
    by: str,
    at: datetime,
    reason: str,
) -> None:
    was = _current(server, kind)
    column = _COLUMNS[kind]
    setattr(server, column, day)
    server.save(update_fields=[column])
    signals.servers_changed.send(sender=Server, server=server, at=at)
    audit_log.append(
        tenant_id=server.tenant_id,
        actor=by,
        act=f"server-{kind}-changed",
        subject=server.name,
        details={
            "was": str(was) if was else None,
            "is": str(day) if day else None,
            "reason": reason,
        },
        at=at,
    )


def _audit(
    request: ServerRequest, *, act: str, by: str, at: datetime, reason: str
) -> None:
    audit_log.append(
        tenant_id=request.tenant_id,
        actor=by,
        act=act,
        subject=request.server.name,
        details={"kind": request.kind, "day": str(request.day), "reason": reason},
        at=at,
    )
