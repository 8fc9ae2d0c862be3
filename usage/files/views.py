"""Pages of a customer's files: the list, one file, files safe to delete."""

from typing import Any
from uuid import UUID

from django.core.paginator import Page, Paginator
from django.http import HttpResponse
from django.shortcuts import render
from django.utils import timezone

from portal.accounts.caller import Permission
from portal.db import unit_of_work
from portal.errors import Refused
from portal.history.page import HistorySection, section
from portal.history.presenters import TrailReader
from portal.history.queries import TrailFilter
from portal.http.middleware import PortalRequest, render_elsewhere
from portal.models import Tenant
from portal.tenants import memberships
from usage.files import date_ranges, overview_queries
from usage.files import queries as file_queries
from usage.files import text as file_text
from usage.files.forms import FileFilterForm
from usage.models import FileState, How, Server, UsageFile

# Rows of a list: a screen or two, and quickly there.
PAGE = 50

# Names to delete are read off in longer runs.
SAFE_PAGE = 100


def files(request: PortalRequest) -> HttpResponse:
    """List every file that was ever sent, newest first."""
    now = timezone.now()
    form = FileFilterForm(request.GET)
    with unit_of_work.acting_for(request.caller.tenant, reading=True):
        found = date_ranges.date_ranges(now)
        wanted = form.wanted(found)
        page = _page(request, overview_queries.list_files(wanted), most=PAGE)
        shown = {
            "spans": found,
            "servers": list(Server.objects.order_by("name")),
            "senders": overview_queries.senders(),
            "rows": [file_text.file_text(file) for file in page],
        }
    shown |= {
        "page": page,
        "numbers": _numbers(page),
        "chosen": form.cleaned_data,
        "is_narrowed": form.is_narrowed,
        "states": FileState.choices,
        "ways": How.choices,
        "kept": _kept(request),
        "may_upload": Permission.UPLOAD in request.caller.permissions,
    }
    return render(request, "usage/files/files.html", shown)


def file(request: PortalRequest, file_id: UUID) -> HttpResponse:
    """Show what is known of one file, and what became of it."""
    with unit_of_work.acting_for(request.caller.tenant, reading=True):
        found = file_queries.with_timeline().filter(pk=file_id).first()
    if found is None:
        has = UsageFile.objects.filter(pk=file_id).exists
        return render_elsewhere(request, has=has)
    may_manage = Permission.MANAGE in request.caller.permissions
    waits_for_key = file_text.waits_for_key(found)
    admins = (
        [one.name for one in memberships.admins_for(request.caller)]
        if waits_for_key and not may_manage
        else []
    )
    shown = {
        "text": file_text.file_text(found),
        "file": found,
        "answer": file_text.verdict_sentence(found),
        "turn": file_text.whose_turn(found, admins=admins),
        "stops": file_text.timeline(found),
        "is_theirs_to_confirm": waits_for_key and may_manage,
        "may_manage": may_manage,
        "history": _history(request, file_id),
    }
    return render(request, "usage/files/file.html", shown)


def _history(request: PortalRequest, file_id: UUID) -> HistorySection:
    """Return what was done with a file, for everybody who may see the file."""
    tenant_id, subject = request.caller.tenant, str(file_id)
    with unit_of_work.acting_for(tenant_id, reading=True):
        reader = TrailReader(tenant_of(request).zone, is_staff=False)
    wanted = TrailFilter(tenant_id=tenant_id, subject=subject)
    return section(tenant_id, wanted, reader, query={"subject": subject})


def safe_to_delete(request: PortalRequest) -> HttpResponse:
    """List what is accepted and confirmed in the archive, nothing else."""
    with unit_of_work.acting_for(request.caller.tenant, reading=True):
        sums = overview_queries.sum_safe_files()
        chosen = chosen_server(request, sums)
        server_id = chosen.server_id if chosen else None
        page = _page(request, overview_queries.safe_files(server_id), most=SAFE_PAGE)
        shown: dict[str, Any] = {
            "sums": sums,
            "chosen": chosen,
            "page": page,
            "numbers": _numbers(page),
            "rows": [file_text.file_text(file) for file in page],
            "unsafe": overview_queries.count_unsafe_files(),
        }
    shown |= {
        "files": sum(one.files for one in sums),
        "size": sum(one.size for one in sums),
        "kept": _kept(request),
        "may_upload": Permission.UPLOAD in request.caller.permissions,
    }
    return render(request, "usage/files/safe-to-delete.html", shown)


def chosen_server(
    request: PortalRequest, sums: list[overview_queries.ServerTotal]
) -> overview_queries.ServerTotal | None:
    """Return the server that the address names, None for all of them.

    Raises:
        Refused: it has no file that is safe to delete, or there is no such server.

    """
    wanted = request.GET.get("server", "")
    if not wanted:
        return None
    for one in sums:
        if wanted == str(one.server_id):
            return one
    raise Refused("not-found")


def tenant_of(request: PortalRequest) -> Tenant:
    """Return the caller's tenant, in its unit of work."""
    return Tenant.objects.get(pk=request.caller.tenant)


def _page(request: PortalRequest, rows: Any, *, most: int) -> Page[UsageFile]:
    """Return one page of rows, read at once; a number too high is the last one."""
    page: Page[UsageFile] = Paginator(rows, most).get_page(request.GET.get("page"))
    page.object_list = list(page.object_list)
    return page


def _numbers(page: Page[UsageFile]) -> list[int | str]:
    """Return the pages that are offered: the first, the last, and those near by."""
    around = page.paginator.get_elided_page_range(
        page.number, on_each_side=2, on_ends=1
    )
    return [number if isinstance(number, int) else str(number) for number in around]


def _kept(request: PortalRequest) -> str:
    """Return the filters of an address, for links to its other pages."""
    query = request.GET.copy()
    query.pop("page", None)
    for name in [name for name, value in query.items() if not value]:
        del query[name]
    return query.urlencode()
