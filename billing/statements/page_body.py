"""Renders the body of a customer's page of billing data, and caches it.

Charts and tables of a period take some fifty milliseconds to render, from a document of
hundreds of kilobytes. They depend on a few kilobytes: requests with equal keys get the
same cached body.
"""

from dataclasses import dataclass, field
from datetime import datetime
from functools import lru_cache

from django.template.loader import render_to_string
from django.utils.safestring import SafeString
from django.utils.translation import get_language

from billing.coverage.periods import Period
from billing.models import CurrentStatement, Statement, TenantPeriod
from billing.statements import inputs, page_queries, queries, refresh
from billing.statements.compute.lines import AGENT
from billing.statements.difference_presenters import named_sha256s
from billing.statements.presenters import statement_context
from billing.statements.queries import DRAFT
from portal.db import unit_of_work
from portal.models import Tenant

# Bodies that a process caches, each of some 150 kB.
_CACHE_SIZE = 64

# Attempts to render a body while its statement keeps changing.
_MOST_TRIES = 4


class _StatementChangedError(Exception):
    """The statement has changed while it was rendered."""


@dataclass(frozen=True, slots=True)
class PageFingerprint:
    """Identifies a state of a tenant's billing data; equal values give equal pages.

    `currents` has period, version, hash of the figures and instant of the build,
    `issued` has period and SHA-256; both up to the period shown.
    """

    tenant: tuple[str, str]
    zones: tuple[tuple[str, str], ...]
    currents: tuple[tuple[str, int, str, datetime], ...]
    issued: tuple[tuple[str, str], ...]

    def has_issued(self, period: Period) -> bool:
        return any(name == str(period) for name, _ in self.issued)


@dataclass(frozen=True, slots=True, kw_only=True)
class PageRequest:
    """The version of a period to render, and the line of its heat map.

    `base` is the address of the statements, which a period completes.
    """

    tenant_id: int
    period: Period
    version: str
    line: str
    base: str
    may_see_evidence: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class _BodyKey:
    wanted: PageRequest
    fingerprint: PageFingerprint
    language: str | None
    # The body does not depend on the time of the request.
    at: datetime = field(compare=False)


def body_of(wanted: PageRequest, *, at: datetime) -> SafeString:
    """Return the body of a page; computes a stale statement first.

    Begins and ends units of work of its own.

    Raises:
        Refused: there is no such version, or the period has not opened.
        Unavailable: the figures cannot be computed now; see `refresh.fresh_statement`.

    """
    if wanted.line != AGENT:
        # Lines come from addresses: cached, they would displace what others read.
        _refresh_if_stale(wanted, at=at)
        return _rendered(wanted, at=at)
    for _ in range(_MOST_TRIES):
        fingerprint = _refresh_if_stale(wanted, at=at)
        key = _BodyKey(
            wanted=wanted, fingerprint=fingerprint, language=get_language(), at=at
        )
        try:
            return _body(key)
        except _StatementChangedError:
            continue
    return _rendered(wanted, at=at)


def _fingerprint(wanted: PageRequest, *, at: datetime) -> tuple[PageFingerprint, bool]:
    """Return the fingerprint, and whether the current statement is stale."""
    last = str(wanted.period)
    with unit_of_work.acting_for(wanted.tenant_id, reading=True, repeatable=True):
        tenant = Tenant.objects.get()
        zones = TenantPeriod.objects.order_by("period").values_list("period", "zone")
        currents = CurrentStatement.objects.filter(period__lte=last).order_by("period")
        issued = Statement.objects.filter(period__lte=last).order_by("position")
        fingerprint = PageFingerprint(
            tenant=(tenant.name, tenant.zone),
            zones=tuple(zones),
            currents=tuple(
                currents.values_list("period", "version", "figures_sha256", "built_at")
            ),
            issued=tuple(issued.values_list("period", "sha256")),
        )
        is_stale = bool(inputs.stale_periods(wanted.tenant_id, [last], at=at))
    return fingerprint, is_stale


def _refresh_if_stale(wanted: PageRequest, *, at: datetime) -> PageFingerprint:
    fingerprint, is_stale = _fingerprint(wanted, at=at)
    if not is_stale:
        return fingerprint
    if fingerprint.has_issued(wanted.period) and wanted.version != DRAFT:
        queries.refresh_if_possible(wanted.tenant_id, wanted.period, at=at)
    else:
        refresh.fresh_statement(wanted.tenant_id, wanted.period, at=at)
    return _fingerprint(wanted, at=at)[0]


@lru_cache(maxsize=_CACHE_SIZE)
def _body(key: _BodyKey) -> SafeString:
    found = _rendered(key.wanted, at=key.at)
    if _fingerprint(key.wanted, at=key.at)[0] != key.fingerprint:
        raise _StatementChangedError
    return found


def _rendered(wanted: PageRequest, *, at: datetime) -> SafeString:
    tenant_id, period = wanted.tenant_id, wanted.period
    served = queries.serve(tenant_id, period, version=wanted.version, at=at)
    document = served.content()
    with unit_of_work.acting_for(tenant_id, reading=True):
        facts = page_queries.statement_facts(period, named_sha256s(document))
    shown = {
        **statement_context(document, served, facts, line=wanted.line),
        "base": wanted.base,
        "may_see_evidence": wanted.may_see_evidence,
    }
    return render_to_string("billing/statements/page.html", shown)
