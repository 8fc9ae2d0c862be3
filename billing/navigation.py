"""Links of billing in the staff navigation, with counts of open work."""

from collections.abc import Callable, Sequence
from typing import Any

from django.db.models import QuerySet
from django.utils.translation import gettext_lazy as _
from django.utils.translation import ngettext

from billing.lateness import queries as late_queries
from billing.mail import queries as mail_queries
from billing.requests import excuses
from billing.requests import licences as licence_requests
from portal.pages.staff_navigation import DESK, StaffLink
from usage.review import queries as review_queries
from usage.servers import requests as server_requests


def _stops(count: int) -> str:
    text = ngettext(
        "%(count)s safety stop to release", "%(count)s safety stops to release", count
    )
    return text % {"count": count}


def _stop_badge(count: int) -> str:
    # The number of late tenants is another one; their flags count as decisions.
    return ngettext("%(count)s stop", "%(count)s stops", count) % {"count": count}


def _decisions(count: int) -> str:
    text = ngettext("%(count)s decision waits", "%(count)s decisions wait", count)
    return text % {"count": count}


def _mails(count: int) -> str:
    text = ngettext("%(count)s mail to look at", "%(count)s mails to look at", count)
    return text % {"count": count}


# What staff decide, one row for each decision. A key that files are held for is not
# among them: it is the tenant's turn to confirm it.
TO_DECIDE: Sequence[Callable[[], QuerySet[Any]]] = (
    review_queries.held_apart,
    server_requests.open_requests,
    excuses.open_excuses,
    licence_requests.open_requests,
    late_queries.awaiting_decision,
)

LINKS = (
    StaffLink(
        order=10,
        title=_("Billing desk"),
        url_name=DESK,
        areas=frozenset({"", "desk", "selected"}),
    ),
    StaffLink(
        order=20,
        title=_("Tenants"),
        url_name="staff-tenants",
        areas=frozenset({"tenants", "open-tenant"}),
    ),
    StaffLink(
        order=30,
        title=_("Late"),
        url_name="staff-late",
        areas=frozenset({"late"}),
        lists=(late_queries.stops,),
        waiting_text=_stops,
        badge_text=_stop_badge,
    ),
    StaffLink(
        order=40,
        title=_("To decide"),
        url_name="staff-held",
        areas=frozenset({"held"}),
        lists=TO_DECIDE,
        waiting_text=_decisions,
    ),
    StaffLink(
        order=44,
        title=_("Month end"),
        url_name="staff-month-end",
        areas=frozenset({"month-end"}),
    ),
    StaffLink(
        order=46,
        title=_("Catalogue"),
        url_name="staff-catalogue",
        areas=frozenset({"catalogue"}),
    ),
    StaffLink(
        order=70,
        title=_("Mail"),
        url_name="staff-mail",
        areas=frozenset({"mail"}),
        lists=mail_queries.WAITING_FOR_STAFF,
        waiting_text=_mails,
    ),
    StaffLink(
        order=80,
        title=_("Staff"),
        url_name="staff-people",
        areas=frozenset({"people"}),
    ),
)
