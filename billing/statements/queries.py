"""Queries of statements: heads, issued versions, and the documents that are served."""

import hashlib
import json
import time
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from billing.coverage.periods import Period
from billing.models import (
    CurrentStatement,
    Statement,
    StatementState,
    TenantPeriod,
)
from billing.statements import inputs, refresh, tables
from billing.statements.document import Envelope, as_bytes, document, version_name
from portal.db import unit_of_work
from portal.errors import Refused, Unavailable
from portal.models import Tenant

# Versions by name instead of number.
LATEST, DRAFT = "latest", "draft"

# Columns that heads do not need.
_LARGE = ("overview", "document", "csv", "focus_csv", "files")


@dataclass(frozen=True, slots=True, kw_only=True)
class StatementHead:
    """A statement in lists: an issued version, a provisional statement or a draft.

    `tenant` is the customer number; `replaces` is the version before, as in the
    document. `position` is that among all issued versions.
    """

    number: str | None
    tenant: str
    period: str
    version: int | None
    state: str
    issued_at: datetime | None
    sha256: str | None
    replaces: dict[str, Any] | None
    position: int | None

    @property
    def name(self) -> str:
        """The common part of names of downloads."""
        return version_name(
            tenant=self.tenant,
            period=self.period,
            version=self.version,
            state=self.state,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class ServedStatement:
    """A version as served: the bytes of its document, tables and list of files.

    `as_of` is the instant of its figures: that of issuing, or of their computation.
    `overview` repeats figures of the document; see `billing.statements.overview`.
    """

    head: StatementHead
    as_of: datetime
    overview: Mapping[str, Any]
    document: bytes
    csv: bytes
    focus_csv: bytes
    files: bytes

    @property
    def sha256(self) -> str:
        return hashlib.sha256(self.document).hexdigest()

    def content(self) -> dict[str, Any]:
        found: dict[str, Any] = json.loads(self.document)
        return found


def heads_of_tenant(tenant_id: int, *, at: datetime) -> list[StatementHead]:
    """Return the heads of a tenant's statements, newest period first.

    A head for each issued version; a provisional one for each period without versions;
    a draft where the figures known now differ from those of the last version. Begins
    and ends units of work of its own.
    """
    _refresh_issued(tenant_id, at=at)
    with unit_of_work.acting_for(tenant_id, reading=True):
        return _heads(Tenant.objects.get())


def _refresh_issued(tenant_id: int, *, at: datetime) -> None:
    """Compute the stale statements of issued periods that can be computed now."""
    with unit_of_work.acting_for(tenant_id, reading=True):
        issued = set(Statement.objects.values_list("period", flat=True))
        stale = inputs.stale_periods(tenant_id, issued, at=at)
    until = time.monotonic() + refresh.PATIENCE
    for name in sorted(stale, reverse=True):
        left = until - time.monotonic()
        if left <= 0:
            return
        refresh_if_possible(tenant_id, Period.parse(name), at=at, seconds=left)


def refresh_if_possible(
    tenant_id: int, period: Period, *, at: datetime, seconds: float = refresh.PATIENCE
) -> None:
    """Compute the current statement if it is stale; if that fails, it stays as it is.

    For readers of an issued version, who are to see that there is a draft. Begins and
    ends units of work of its own.
    """
    with suppress(Refused, Unavailable):
        refresh.fresh_statement(tenant_id, period, at=at, seconds=seconds)


def _heads(tenant: Tenant) -> list[StatementHead]:
    issued: dict[str, list[StatementHead]] = {}
    for one in _issued().order_by("-version"):
        issued.setdefault(one.period, []).append(_head(one))
    drafts = CurrentStatement.objects.filter(state=StatementState.DRAFT)
    with_draft = set(drafts.values_list("period", flat=True))
    found: list[StatementHead] = []
    for period in TenantPeriod.objects.order_by("-period").values_list(
        "period", flat=True
    ):
        versions = issued.get(period, [])
        if period in with_draft or not versions:
            found.append(_unissued(tenant, period, versions))
        found += versions
    return found


def issued_heads(*, after: int, most: int) -> list[StatementHead]:
    """Return the heads of issued versions of all tenants after a position, in order.

    In a unit of work of the staff.
    """
    rows = _issued().filter(position__gt=after).order_by("position")
    return [_head(one) for one in rows[:most]]


def serve(
    tenant_id: int,
    period: Period,
    *,
    version: str,
    at: datetime,
    seconds: float = refresh.PATIENCE,
) -> ServedStatement:
    """Return a version: a number, `LATEST` (issued, else provisional), or `DRAFT`.

    A stale statement is computed first, for at most `seconds`. Begins and ends units of
    work of its own, of the tenant.

    Raises:
        Refused: there is no such version, or the period has not opened.
        Unavailable: the figures cannot be computed now; see `refresh.fresh_statement`.

    """
    issued = _find_issued(tenant_id, period, version)
    if issued is not None and version != DRAFT:
        return _served(issued)
    if version not in (LATEST, DRAFT) or (version == DRAFT and issued is None):
        raise Refused("not-found")
    refresh.fresh_statement(tenant_id, period, at=at, seconds=seconds)
    found = serve_current(tenant_id, period)
    if version == DRAFT and found.head.state != StatementState.DRAFT:
        raise Refused("not-found")
    if version == LATEST and found.head.state != StatementState.PROVISIONAL:
        # Issued while the figures were computed.
        return serve(tenant_id, period, version=LATEST, at=at, seconds=seconds)
    return found


def serve_current(tenant_id: int, period: Period) -> ServedStatement:
    """Return the stored current statement as it is served, whatever its state.

    Begins and ends a unit of work of its own, which also reads the version that it
    replaces.
    """
    name = str(period)
    with unit_of_work.acting_for(tenant_id, reading=True, repeatable=True):
        current = CurrentStatement.objects.get(period=name)
        tenant = Tenant.objects.get()
        opened = TenantPeriod.objects.get(period=name)
        rows = Statement.objects.filter(period=name).order_by("-version")
        replaced = rows.only("version", "sha256").first()
    envelope = Envelope(state=current.state, replaces=replaced)
    written = document(current, tenant, zone=opened.zone, envelope=envelope)
    data = as_bytes(written)
    return ServedStatement(
        head=StatementHead(
            number=None,
            tenant=tenant.number,
            period=current.period,
            version=None,
            state=current.state,
            issued_at=None,
            sha256=hashlib.sha256(data).hexdigest(),
            replaces=_replaces(replaced),
            position=None,
        ),
        as_of=current.computed_at,
        overview=current.overview,
        document=data,
        csv=tables.as_csv(written).encode(),
        focus_csv=tables.as_focus_csv(written).encode(),
        files=bytes(current.files),
    )


def _find_issued(tenant_id: int, period: Period, version: str) -> Statement | None:
    """Return an issued version by its number, or the last one."""
    with unit_of_work.acting_for(tenant_id, reading=True):
        rows = Statement.objects.filter(period=str(period)).order_by("-version")
        if version not in (LATEST, DRAFT):
            if not (version.isascii() and version.isdigit() and len(version) < 10):  # noqa: PLR2004 - longer numbers name no version
                raise Refused("not-found")
            rows = rows.filter(version=int(version))
        return rows.select_related("replaces", "tenant").first()


def versions_of(period: Period) -> list[Statement]:
    """Return the issued versions of a period, newest first, without their documents.

    In a unit of work of the tenant.
    """
    return list(_issued().filter(period=str(period)).order_by("-version"))


def _issued() -> Any:
    rows = Statement.objects.select_related("tenant", "replaces")
    return rows.defer(
        *_LARGE,
        *(f"replaces__{name}" for name in _LARGE),
    )


def _served(one: Statement) -> ServedStatement:
    return ServedStatement(
        head=_head(one),
        as_of=one.issued_at,
        overview=one.overview,
        document=bytes(one.document),
        csv=bytes(one.csv),
        focus_csv=bytes(one.focus_csv),
        files=bytes(one.files),
    )


def _head(one: Statement) -> StatementHead:
    return StatementHead(
        number=one.number,
        tenant=one.tenant.number,
        period=one.period,
        version=one.version,
        state=StatementState.ISSUED,
        issued_at=one.issued_at,
        sha256=one.sha256,
        replaces=_replaces(one.replaces),
        position=one.position,
    )


def _unissued(
    tenant: Tenant, period: str, versions: list[StatementHead]
) -> StatementHead:
    last = versions[0] if versions else None
    return StatementHead(
        number=None,
        tenant=tenant.number,
        period=period,
        version=None,
        state=StatementState.DRAFT if last else StatementState.PROVISIONAL,
        issued_at=None,
        sha256=None,
        replaces={"version": last.version, "sha256": last.sha256} if last else None,
        position=None,
    )


def _replaces(one: Statement | None) -> dict[str, Any] | None:
    return {"version": one.version, "sha256": one.sha256} if one else None
