"""Loads the tab *To decide* of a tenant: open decisions, and the latest ones made."""

from collections.abc import Iterable
from datetime import datetime
from typing import Any

from billing.coverage.calendar import Calendar
from billing.coverage.periods import Period
from billing.coverage.standing import judge
from billing.lateness import queries as late_queries
from billing.lateness.history_text import LATE
from billing.lateness.text import flag_row
from billing.models import LateFlag
from billing.periods import load_facts
from billing.periods.queries import opened_periods
from billing.requests import excuses
from billing.requests import licences as licence_requests
from billing.requests.presenters import excuse_rows, licence_rows
from billing.staff import tenant_head, tenant_requests
from billing.staff.tenant_page import PERIODS_OFFERED
from portal.db import unit_of_work
from portal.history.acts import acts_of
from portal.history.page import HistorySection, section
from portal.history.presenters import TrailReader
from portal.history.queries import TrailFilter
from portal.models import Tenant
from usage.files import staff_presenters as file_staff_presenters
from usage.review import queries as review_queries
from usage.servers import requests as server_requests

# Late flags on the page: of two years, if there is one each month.
FLAGS = 24

# Late flags for which the page shows what was received since: the newest, not void.
_WITH_CALENDAR = 3

# Lines of each kind on the page; more are shown once these are decided.
_TO_DECIDE = 20


def decide_tab(number: str, *, at: datetime) -> dict[str, Any]:
    """Return the context of the tab; at most a fixed number of queries.

    Raises:
        Refused: there is no tenant with this number.

    """
    with unit_of_work.acting_for(unit_of_work.STAFF, reading=True):
        shown = tenant_head.tenant_head(number, tenant_head.DECIDE, at=at)
        tenant: Tenant = shown["customer"]
    with unit_of_work.acting_for(tenant.pk, reading=True):
        shown |= _requests()
        shown |= _flags(tenant, at=at)
        opened = opened_periods(most=PERIODS_OFFERED)
        open_excuses = [row.one for row in shown["excuses"]]
        shown["asked_late"] = tenant_requests.late_excuses(
            open_excuses, opened, shown["all_flags"]
        )
    shown["history"] = _history(tenant) if shown["all_flags"] else None
    del shown["all_flags"]
    lists = ("keys", "held", "requests", "excuses", "licence_requests", "flags")
    shown["is_empty"] = not any(shown[name] for name in lists)
    return shown


def _history(tenant: Tenant) -> HistorySection:
    """Return what was done about deadlines and late flags of the tenant."""
    return section(
        tenant.pk,
        TrailFilter(tenant_id=tenant.pk, acts=tuple(acts_of(LATE.code))),
        TrailReader(tenant.zone, is_staff=True),
        query={"tenant": tenant.number, "act": f"group:{LATE.code}"},
    )


def _requests() -> dict[str, Any]:
    keys = review_queries.with_waiting(review_queries.awaited_keys())
    held = list(review_queries.held_apart()[: _TO_DECIDE + 1])
    return {
        "keys": list(keys[:_TO_DECIDE]),
        "held": [
            file_staff_presenters.file_row(file, has_forwarding=False)
            for file in held[:_TO_DECIDE]
        ],
        "has_more_held": len(held) > _TO_DECIDE,
        "requests": list(server_requests.open_requests()[:_TO_DECIDE]),
        "excuses": excuse_rows(excuses.open_excuses()[:_TO_DECIDE]),
        "licence_requests": licence_rows(licence_requests.open_requests()[:_TO_DECIDE]),
        "answered": tenant_requests.decided_requests(),
    }


def _flags(tenant: Tenant, *, at: datetime) -> dict[str, Any]:
    """Return the late flags: those with days to decide, and the others."""
    found = list(late_queries.flags()[:FLAGS])
    calendars = _calendars(tenant, found, at=at)
    rows = [flag_row(one, calendar=calendars.get(one.pk)) for one in found]
    return {
        "all_flags": found,
        "flags": [row for row in rows if row.one.undecided_days],
        "decided_flags": [row for row in rows if not row.one.undecided_days],
    }


def _calendars(
    tenant: Tenant, flags: Iterable[LateFlag], *, at: datetime
) -> dict[int, Calendar]:
    """Return the present calendars of the newest flags that are not void, by flag."""
    newest = [one for one in flags if one.voided_at is None][:_WITH_CALENDAR]
    if not newest:
        return {}
    deadlines = [one.deadline_at for one in newest]
    loaded = load_facts.load_facts(tenant, deadlines=deadlines)
    found = {}
    for one in newest:
        period, deadline_at = Period.parse(one.period), one.deadline_at
        zone: str = vars(one)["zone"] or tenant.zone
        facts = loaded.facts(period, deadline_at=deadline_at, zone=zone)
        judgement = judge(period, facts, deadline_at=deadline_at, at=at)
        found[one.pk] = judgement.calendar
    return found
