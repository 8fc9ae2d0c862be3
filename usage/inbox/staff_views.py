"""Staff page of all tenants' S3 inboxes, and its retry actions."""

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.utils import timezone
from django.utils.translation import gettext
from django.views.decorators.http import require_POST, require_safe

from portal.accounts.caller import Permission
from portal.db import unit_of_work
from portal.errors import Refused
from portal.http.middleware import PortalRequest
from portal.typed_text.clean import isolated
from usage.files.names import shown_name
from usage.inbox import fetch as inbox_fetch
from usage.inbox import listing as inboxes
from usage.inbox import notices as inbox_notices
from usage.inbox import queries as inbox_queries
from usage.inbox.queries import InboxFilter
from usage.inbox.staff_presenters import listing_row, notice_row, object_row
from usage.models import InboxNotice, InboxObject

# Objects on one page: what one scrolls through without losing the place.
OBJECTS_A_PAGE = 50

# Listings above them that fail, or have found something else than usage files.
LISTINGS_SHOWN = 20

# Mails that wait for a person. Once one is retried, the next one is shown.
MAILS_SHOWN = 20

# Digits of a row's number that PostgreSQL can look for.
_DIGITS = 18


@require_safe
def inbox(request: PortalRequest) -> HttpResponse:
    kind = request.GET.get("kind", "")
    kind = kind if kind in set(InboxFilter) else ""
    after = _number(request.GET.get("after", ""))
    with unit_of_work.acting_for(unit_of_work.STAFF, reading=True):
        # One more than is shown, to know whether there are older ones.
        found = list(inbox_queries.objects(kind, after=after)[: OBJECTS_A_PAGE + 1])
        counts = inbox_queries.counts()
        odd = list(inbox_queries.listings()[:LISTINGS_SHOWN])
        mails = list(inbox_queries.notices()[:MAILS_SHOWN])
        admins = inbox_queries.admins({one.tenant_id for one in mails})
    has_older = len(found) > OBJECTS_A_PAGE
    shown = {
        "kind": kind,
        "rows": [object_row(row) for row in found[:OBJECTS_A_PAGE]],
        "after": found[OBJECTS_A_PAGE - 1].pk if has_older else None,
        "is_first": after is None,
        "counts": counts,
        "listings": [listing_row(row) for row in odd],
        "mails": [notice_row(row, admins[row.tenant_id]) for row in mails],
        "is_on": inboxes.is_on(),
        "may_act": Permission.STAFF_ACT in request.caller.permissions,
    }
    return render(request, "usage/inbox/inbox.html", shown)


def _number(text: str) -> int | None:
    is_number = text.isascii() and text.isdigit() and len(text) <= _DIGITS
    return int(text) if is_number else None


@require_POST
def retry(request: PortalRequest, object_id: int) -> HttpResponse:
    """Have a failed object fetched again."""
    with unit_of_work.acting_for(unit_of_work.STAFF, reading=True):
        row = InboxObject.objects.filter(pk=object_id).first()
    if row is None:
        raise Refused("not-found")
    now = timezone.now()
    name = shown_name(row.key)
    if inbox_fetch.retry(row.tenant_id, row.pk, by=request.caller.name, at=now):
        text = gettext("%(name)s is tried again within a minute.")
        messages.success(request, text % {"name": isolated(name)})
    else:
        text = gettext("%(name)s is not set aside any more: nothing was changed.")
        messages.error(request, text % {"name": isolated(name)})
    return redirect("staff-inbox")


@require_POST
def retry_mails(request: PortalRequest, notice_id: int) -> HttpResponse:
    """Have failed mails sent to all who do not surely have them."""
    with unit_of_work.acting_for(unit_of_work.STAFF, reading=True):
        rows = InboxNotice.objects.filter(pk=notice_id)
        tenant_id = rows.values_list("tenant_id", flat=True).first()
    if tenant_id is None:
        raise Refused("not-found")
    now = timezone.now()
    if inbox_notices.retry(tenant_id, notice_id, by=request.caller.name, at=now):
        messages.success(request, gettext("The mails are sent again within a minute."))
    else:
        text = gettext("The mails are not set aside any more: nothing was changed.")
        messages.error(request, text)
    return redirect("staff-inbox")
