"""Loads the head of a tenant's pages: the tenant, its tabs with counts, the last note.

Three queries, in a unit of work of the staff; each tab loads its own content apart.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from functools import reduce
from operator import add
from typing import Any

from django.db.models import Count, OuterRef, QuerySet, Subquery
from django.db.models.functions import Coalesce
from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from billing.calendar_view.text import mode_text
from billing.coverage.licences import mode_on
from billing.coverage.periods import zone_named
from billing.models import LicenceChange
from billing.navigation import TO_DECIDE
from billing.notes import queries as note_queries
from portal.errors import Refused
from portal.models import Tenant
from portal.typed_text.clean import one_line
from usage.review import queries as review_queries

PERIOD, DECIDE, FILES = "staff-tenant", "staff-tenant-decide", "staff-tenant-files"
SERVERS, PEOPLE = "staff-tenant-servers", "staff-tenant-people"
AUTOMATION = "staff-tenant-automation"
MAIL, SETTINGS = "staff-tenant-mail", "staff-tenant-settings"
NOTES, HISTORY = "staff-tenant-notes", "staff-tenant-history"

# The tabs in their order, by the name of their address.
TABS = {
    PERIOD: _("Period"),
    DECIDE: _("To decide"),
    FILES: _("Files"),
    SERVERS: _("Servers and keys"),
    AUTOMATION: _("Automation"),
    PEOPLE: _("People"),
    MAIL: _("Mail"),
    SETTINGS: _("Settings"),
    NOTES: _("Notes"),
    HISTORY: _("History"),
}


@dataclass(frozen=True, slots=True)
class TenantTab:
    """A link to one of a tenant's pages; `count` is 0 where nothing is counted."""

    url_name: str
    title: str | Promise
    count: int
    is_current: bool


def find_tenant(number: str) -> Tenant:
    """Return a tenant, in a unit of work of the staff.

    Raises:
        Refused: there is none with this number.

    """
    return _required(Tenant.objects.filter(number=one_line(number)))


def tenant_head(number: str, tab: str, *, at: datetime) -> dict[str, Any]:
    """Return what all pages of a tenant show, in a unit of work of the staff.

    Raises:
        Refused: there is no tenant with this number.

    """
    notes = note_queries.standing_notes()
    tenant = _required(
        Tenant.objects.filter(number=one_line(number)).annotate(
            decision_count=reduce(add, (_count(rows()) for rows in TO_DECIDE)),
            key_count=_count(review_queries.awaited_keys()),
            note_count=_count(notes),
        )
    )
    counts = vars(tenant)
    changes = LicenceChange.objects.filter(tenant=tenant).order_by("-from_on")
    today = at.astimezone(zone_named(tenant.zone)).date()
    mode = mode_on(changes.values_list("from_on", "keys"), today)
    return {
        "customer": tenant,
        "mode": mode_text(mode),
        "tab": TABS[tab],
        "tabs": list(_tabs(tab, counts["decision_count"], counts["note_count"])),
        "last_note": notes.filter(tenant=tenant).first(),
    }


def _tabs(current: str, decisions: int, notes: int) -> Iterator[TenantTab]:
    counts = {DECIDE: decisions, NOTES: notes}
    for name, title in TABS.items():
        yield TenantTab(name, title, counts.get(name, 0), is_current=name == current)


def _count(rows: QuerySet[Any]) -> Coalesce:
    """Return the number of rows that belong to the tenant of the outer query."""
    own = rows.filter(tenant=OuterRef("pk")).order_by().values("tenant")
    return Coalesce(Subquery(own.annotate(number=Count("pk")).values("number")), 0)


def _required(found: QuerySet[Tenant]) -> Tenant:
    tenant = found.first()
    if tenant is None:
        raise Refused("not-found")
    return tenant
