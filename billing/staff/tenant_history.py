"""Loads the tab *History* of a tenant: the newest entries of its audit trail."""

from datetime import datetime
from typing import Any
from urllib.parse import urlencode

from billing.staff import tenant_head
from portal.db import unit_of_work
from portal.history import queries
from portal.history.chain_state import chain_state
from portal.history.forms import key_text
from portal.history.presenters import TrailReader, trail_rows
from portal.history.queries import EntryKey, TrailFilter
from portal.history.text import chain_text
from portal.models import Tenant


def history_tab(
    number: str, before: EntryKey | None, *, at: datetime
) -> dict[str, Any]:
    """Return the context of the tab: the newest entries, or those before a key.

    Raises:
        Refused: there is no tenant with this number.

    """
    with unit_of_work.acting_for(unit_of_work.STAFF, reading=True):
        shown = tenant_head.tenant_head(number, tenant_head.HISTORY, at=at)
        tenant: Tenant = shown["customer"]
    with unit_of_work.acting_for(tenant.pk, reading=True):
        page = queries.trail_page(TrailFilter(tenant_id=tenant.pk), before)
        chain = chain_state(tenant.pk, at=at)
    reader = TrailReader(tenant.zone, is_staff=True)
    return {
        **shown,
        "rows": trail_rows(page.entries, queries.people(page.entries), reader),
        "chain": chain_text(chain, zone=tenant.zone),
        "is_first": before is None,
        "older": urlencode({"before": key_text(page.older)}) if page.older else "",
    }
