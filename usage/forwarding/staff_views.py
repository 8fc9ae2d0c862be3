"""Staff page of forwarding: queues, failed files and reports; retry actions."""

from typing import Any

from django.conf import settings
from django.contrib import messages
from django.core.paginator import Page, Paginator
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.utils import timezone
from django.utils.translation import gettext, ngettext
from django.views.decorators.http import require_POST, require_safe

from portal.accounts.caller import Permission
from portal.db import unit_of_work
from portal.errors import Refused
from portal.http.middleware import PortalRequest
from usage.forwarding import queries as forwarding_queries
from usage.forwarding import retry as forwarding_retry
from usage.forwarding import staff_presenters as forwarding_staff_presenters
from usage.models import reports as model_reports

# Failed files on one page: what one scrolls through without losing the place.
FAILED_A_PAGE = 50

# Digits of a row's number that PostgreSQL can look for.
_DIGITS = 18


@require_safe
def forwarding(request: PortalRequest) -> HttpResponse:
    now = timezone.now()
    with unit_of_work.acting_for(unit_of_work.STAFF, reading=True):
        found = [
            forwarding_queries.queue_state(kind) for kind in forwarding_queries.MODELS
        ]
        done = forwarding_queries.throughput(at=now)
        pages = Paginator(forwarding_queries.failed_jobs(), FAILED_A_PAGE)
        page: Page[dict[str, Any]] = pages.get_page(request.GET.get("page"))
        rows = forwarding_queries.load_rows(list(page))
        reports = model_reports.newest()
    shown = {
        "queues": {one.kind: one for one in found},
        "waiting": sum(one.waiting for one in found),
        "is_on": settings.FORWARDING,
        "oldest": forwarding_staff_presenters.age(found, at=now),
        "reasons": [
            forwarding_staff_presenters.reason_row(one)
            for queue in found
            for one in queue.reasons
        ],
        "done": done,
        "page": page,
        "rows": [
            forwarding_staff_presenters.failed_job_row(kind, row) for kind, row in rows
        ],
        "reports": forwarding_staff_presenters.latest_reports(reports),
        "keep_days": settings.KEEP_BYTES_DAYS,
        "may_act": Permission.STAFF_ACT in request.caller.permissions,
    }
    return render(request, "usage/forwarding/forwarding.html", shown)


@require_POST
def retry(request: PortalRequest) -> HttpResponse:
    """Retry one failed file."""
    now = timezone.now()
    kind, pk = request.POST.get("kind", ""), request.POST.get("row", "")
    if not (pk.isascii() and pk.isdigit() and len(pk) <= _DIGITS):
        raise Refused("not-found")
    if forwarding_retry.retry(kind, int(pk), by=request.caller.name, at=now):
        messages.success(request, gettext("It is tried again now."))
    else:
        text = gettext("Nothing was done: it is no longer set aside.")
        messages.error(request, text)
    return redirect("staff-forwarding")


@require_POST
def retry_all(request: PortalRequest) -> HttpResponse:
    """Retry all files that failed, or that wait, for one reason."""
    now = timezone.now()
    wanted = {name: request.POST.get(name, "") for name in ("kind", "code", "state")}
    has_failed = wanted["state"] == "set-aside"
    act = forwarding_retry.retry_all if has_failed else forwarding_retry.retry_now
    code = wanted["code"].replace("\0", "")
    count = act(wanted["kind"], code, by=request.caller.name, at=now)
    text = ngettext(
        "%(count)d file is tried again now.",
        "%(count)d files are tried again now.",
        count,
    )
    if count:
        messages.success(request, text % {"count": count})
    else:
        messages.error(request, gettext("Nothing was done: none waits for that."))
    return redirect("staff-forwarding")
