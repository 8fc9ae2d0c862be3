"""Loads the template context of pages about automated sending."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from django.core.paginator import Page, Paginator
from django.utils.http import urlencode

from portal.errors import Refused
from portal.models import Tenant
from portal.typed_text.clean import one_line
from usage.automation import queries as automation_queries
from usage.automation.inbox import inbox_section
from usage.automation.presenters import RunFacts, answer_text, machine_rows, run_rows
from usage.automation.token_rows import expiring_text, token_rows
from usage.inbox import listing as inbox_listing
from usage.models import MACHINE_CHARACTERS, Upload
from usage.sender.versions import NEWEST

# Rows on a page: machines, and runs of one machine.
_MACHINES, _RUNS = 50, 30


def automation_context(
    tenant: Tenant, number: str | None, *, at: datetime
) -> dict[str, Any]:
    """Return a page of machines with the last run of each, and the inbox.

    Runs a fixed number of queries in a unit of work of the tenant.
    """
    runs = automation_queries.last_runs()
    rows = machine_rows(runs, _facts(runs), at=at)
    page = _page(rows, number, most=_MACHINES)
    inbox = None
    if inbox_listing.is_on():
        inbox = inbox_section(tenant, automation_queries.inbox_facts(tenant.pk))
    return {
        **_pager(page),
        "answer": answer_text(rows),
        "rows": page.object_list,
        "inbox": inbox,
        "newest": NEWEST,
        "has_older": any(one.is_older for one in rows),
    }


def tokens_context(*, at: datetime) -> dict[str, Any]:
    """Return the API tokens, and the sentence about those that expire soon.

    Runs in a unit of work of the tenant.
    """
    return {
        "token_rows": token_rows(automation_queries.tokens(at=at), at=at),
        "expiring": expiring_text(automation_queries.expiring_tokens(at=at)),
    }


def runs_context(machine: str, number: str | None, *, at: datetime) -> dict[str, Any]:
    """Return a page of the runs of one machine, newest first.

    Runs in a unit of work of the tenant.

    Raises:
        Refused: the tenant has no run of this machine.

    """
    name = one_line(machine)[:MACHINE_CHARACTERS]
    page = _page(automation_queries.runs_of(name), number, most=_RUNS)
    runs: list[Upload] = list(page.object_list)
    if not runs:
        raise Refused("not-found")
    page.object_list = run_rows(runs, _facts(runs), at=at)
    return {
        **_pager(page),
        "machine": name,
        "rows": page.object_list,
        "newest": NEWEST,
        "kept": urlencode({"machine": name}),
    }


def _facts(runs: Sequence[Upload]) -> RunFacts:
    return RunFacts(*automation_queries.reasons(runs))


def _page(rows: Any, number: str | None, *, most: int) -> Page[Any]:
    return Paginator(rows, most).get_page(number)


def _pager(page: Page[Any]) -> dict[str, Any]:
    around = page.paginator.get_elided_page_range(
        page.number, on_each_side=2, on_ends=1
    )
    numbers = [one if isinstance(one, int) else str(one) for one in around]
    return {"page": page, "numbers": numbers}
