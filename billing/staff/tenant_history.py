"""Loads the tab *History* of a tenant: its audit trail, as it is stored."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from billing.staff import tenant_head
from portal.db import unit_of_work
from portal.models import AuditEntry, Tenant

# Entries on one page: short enough to scroll through.
ENTRIES_A_PAGE = 50


@dataclass(frozen=True, slots=True, kw_only=True)
class HistoryRow:
    """An entry of the trail; `act` and the names of `details` are the stored codes."""

    number: int
    at: datetime
    actor: str
    act: str
    subject: str
    details: list[tuple[str, str]]


def history_tab(number: str, before: int | None, *, at: datetime) -> dict[str, Any]:
    """Return the context of the tab: the newest entries, or those before a number.

    Raises:
        Refused: there is no tenant with this number.

    """
    with unit_of_work.acting_for(unit_of_work.STAFF, reading=True):
        shown = tenant_head.tenant_head(number, tenant_head.HISTORY, at=at)
        tenant: Tenant = shown["customer"]
    with unit_of_work.acting_for(tenant.pk, reading=True):
        found = AuditEntry.objects.filter(tenant=tenant)
        if before is not None:
            found = found.filter(number__lt=before)
        entries = list(found.order_by("-number")[: ENTRIES_A_PAGE + 1])
    rows = list(map(_row, entries[:ENTRIES_A_PAGE]))
    return {
        **shown,
        "rows": rows,
        "is_first": before is None,
        "before": rows[-1].number if len(entries) > ENTRIES_A_PAGE else None,
    }


def _row(entry: AuditEntry) -> HistoryRow:
    return HistoryRow(
        number=entry.number,
        at=entry.at,
        actor=entry.actor,
        act=_words(entry.act).capitalize(),
        subject=entry.subject,
        details=list(_details(entry)),
    )


def _details(entry: AuditEntry) -> Iterator[tuple[str, str]]:
    for name, value in entry.details.items():
        if value not in (None, ""):
            yield _words(name), str(value)


def _words(code: str) -> str:
    """Return a code as words: late-flag-raised becomes late flag raised."""
    return code.replace("-", " ").replace("_", " ")
