"""The links to the pages of the audit trail: for staff, and for tenant admins."""

from datetime import datetime

from django.utils.translation import gettext, gettext_lazy

from portal.accounts.caller import Caller, Permission
from portal.pages.staff_navigation import StaffLink
from portal.pages.tiles import Tile, TileState

LINKS = (
    StaffLink(
        order=80,
        title=gettext_lazy("Audit trail"),
        url_name="staff-audit-trail",
        areas=frozenset({"audit-trail"}),
    ),
)


def _state(_caller: Caller, _at: datetime) -> TileState:
    return TileState(
        text=gettext("What your people, your tokens and the billing staff did.")
    )


TILE = Tile(
    order=52,
    title=gettext_lazy("Who did what"),
    url_name="history-page",
    needs=Permission.MANAGE,
    load_state=_state,
)
