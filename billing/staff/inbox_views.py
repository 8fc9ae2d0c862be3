"""The S3 inboxes of all tenants: what came in, what was bad, what is set aside."""

from django.contrib import messages
from django.core.paginator import Page, Paginator
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.utils import timezone
from django.utils.translation import gettext
from django.views.decorators.http import require_POST, require_safe

from billing.staff.inbox_showing import listing_row, object_row
from portal import access
from portal.doors import PortalRequest
from portal.members import May
from portal.refusals import Refused
from usage import inbox as inboxes
from usage import inbox_overview, inbox_taking
from usage.inbox_overview import Kind
from usage.inbox_rows import InboxObject

# Objects on one page: what one scrolls through without losing the place.
OBJECTS_A_PAGE = 50

# Listings above them that fail, or have met with something else than usage files.
LISTINGS_SHOWN = 20


@require_safe
def inbox(request: PortalRequest) -> HttpResponse:
    kind = request.GET.get("kind", "")
    kind = kind if kind in set(Kind) else ""
    with access.acting_for(access.STAFF, reading=True):
        pages = Paginator(inbox_overview.objects(kind), OBJECTS_A_PAGE)
        page: Page[InboxObject] = pages.get_page(request.GET.get("page"))
        rows = [object_row(row) for row in page]
        counts = inbox_overview.counts()
        odd = list(inbox_overview.listings()[:LISTINGS_SHOWN])
    shown = {
        "kind": kind,
        "page": page,
        "rows": rows,
        "counts": counts,
        "total": counts[""],
        "listings": [listing_row(row) for row in odd],
        "is_on": inboxes.is_on(),
        "may_act": May.STAFF_ACT in request.caller.may,
    }
    return render(request, "billing/staff/inbox.html", shown)


@require_POST
def retry(request: PortalRequest, object_id: int) -> HttpResponse:
    """Have an object that was set aside taken again."""
    with access.acting_for(access.STAFF, reading=True):
        row = InboxObject.objects.filter(pk=object_id).first()
    if row is None:
        raise Refused("not-found")
    now = timezone.now()  # noqa: TID251 - a door
    name = row.key.rpartition("/")[2]
    if inbox_taking.retry(row.tenant_id, row.pk, by=request.caller.name, at=now):
        text = gettext("%(name)s is tried again within a minute.")
        messages.success(request, text % {"name": name})
    else:
        text = gettext("%(name)s is not set aside any more: nothing was changed.")
        messages.error(request, text % {"name": name})
    return redirect("staff-inbox")
