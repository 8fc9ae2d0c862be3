"""Pages of uploads: the list, one upload with its receipt, mail and dismissal."""

from datetime import datetime
from typing import Any
from uuid import UUID

from django.contrib import messages
from django.core.paginator import Page, Paginator
from django.http import HttpResponse
from django.http.response import HttpResponseBase
from django.shortcuts import redirect, render
from django.utils import timezone
from django.utils.translation import gettext
from django.views.decorators.http import require_POST

from portal.accounts.caller import Permission
from portal.db import unit_of_work
from portal.errors import Refused
from portal.http.downloads import with_retry_after
from portal.http.middleware import PortalRequest, render_elsewhere
from portal.models import Tenant
from usage.models import Upload
from usage.receipts import by_mail
from usage.receipts import views as receipt_views
from usage.receipts.rows import RECEIPT_AT_MOST
from usage.upload_runs import presenters
from usage.upload_runs.completed_periods import completed_texts
from usage.uploads import queries as upload_queries
from usage.uploads import record

# Rows of a page of uploads, and of files of one.
_UPLOADS, _FILES = 30, 100

# Sent as X-Part by the upload page, which shows the answer in place.
_PART = "sentence"


def uploads(request: PortalRequest) -> HttpResponse:
    """List the uploads of the tenant, newest first."""
    now = timezone.now()
    with unit_of_work.acting_for(request.caller.tenant, reading=True):
        tenant = Tenant.objects.get()
        page = _page(request, upload_queries.uploads(), most=_UPLOADS)
        counts = upload_queries.count_outcomes(list(page.object_list))
        rows = [
            presenters.upload_text(
                one,
                counts[one.key],
                zone=tenant.zone,
                seen_at=one.reported_at,
                at=now,
            )
            for one in page.object_list
        ]
    shown = {
        "rows": rows,
        "page": page,
        "numbers": _numbers(page),
        "may_upload": Permission.UPLOAD in request.caller.permissions,
    }
    return render(request, "usage/upload_runs/uploads.html", shown)


def upload(request: PortalRequest, key: UUID) -> HttpResponse:
    """Show one upload: what became of each of its files, problems first."""
    now = timezone.now()
    with unit_of_work.acting_for(request.caller.tenant, reading=True):
        found = upload_queries.find(key)
        shown = _shown(request, found, at=now) if found is not None else None
    if shown is None:
        return render_elsewhere(request, has=Upload.objects.filter(key=key).exists)
    return render(request, "usage/upload_runs/upload.html", shown)


def _shown(request: PortalRequest, found: Upload, *, at: datetime) -> dict[str, Any]:
    page = _page(request, upload_queries.UploadEntries(found), most=_FILES)
    text = presenters.upload_text(
        found,
        upload_queries.count_outcomes([found])[found.key],
        zone=Tenant.objects.get().zone,
        seen_at=upload_queries.last_activity(found),
        at=at,
    )
    return {
        "text": text,
        "completed": completed_texts(upload_queries.accepted_days(found), at),
        "upload": found,
        "rows": presenters.entry_rows(page.object_list),
        "page": page,
        "numbers": _numbers(page),
    }


@with_retry_after
def receipt(request: PortalRequest, key: UUID) -> HttpResponseBase:
    """Return the receipt of an upload's files; `format` is csv, xlsx or pdf."""
    ids = _file_ids(request, key)
    if ids is None:
        return render_elsewhere(request, has=Upload.objects.filter(key=key).exists)
    ending = "pdf" if request.GET.get("format") == "pdf" else "csv"
    return receipt_views.receipt_of(request, ids, ending, at=timezone.now())


@require_POST
@with_retry_after
def mail_receipt(request: PortalRequest, key: UUID) -> HttpResponseBase:
    """Mail the receipt of an upload's files to the caller.

    The upload page shows the sentence in place; others are redirected to the upload.
    """
    ids = _file_ids(request, key)
    if ids is None:
        raise Refused("not-found")
    to = request.caller.name
    now = timezone.now()
    found = by_mail.request_receipt(request.caller.tenant, ids, to=to, at=now)
    text = gettext("The receipt is on its way to %(to)s.")
    said = text % {"to": to} if found.is_new else found.repeat_text(to)
    if request.headers.get("X-Part") == _PART:
        return HttpResponse(
            f"{said}{found.parts_text}", content_type="text/plain; charset=utf-8"
        )
    messages.success(request, f"{said}{found.parts_text}")
    return redirect("upload-run-page", key=key)


@require_POST
def dismiss(request: PortalRequest, key: UUID) -> HttpResponse:
    """Remove the summary of an upload from the upload page; the upload stays."""
    tenant_id, name = request.caller.tenant, request.caller.name
    record.dismiss(tenant_id, key, by=name, at=timezone.now())
    if request.headers.get("X-Part") == _PART:
        return HttpResponse(status=204)
    return redirect("upload-page")


def _file_ids(request: PortalRequest, key: UUID) -> set[UUID] | None:
    """Return the files of an upload; None if the tenant has no such upload.

    Raises:
        Refused: there are none, or too many for a receipt.

    """
    with unit_of_work.acting_for(request.caller.tenant, reading=True):
        found = upload_queries.find(key)
        if found is None:
            return None
        ids = upload_queries.file_ids(found)
    if not 0 < len(ids) <= RECEIPT_AT_MOST:
        raise Refused("ids-invalid", limit=RECEIPT_AT_MOST)
    return ids


def _page(request: PortalRequest, rows: Any, *, most: int) -> Page[Any]:
    """Return one page of rows, read at once; the last one if the number is too high."""
    page: Page[Any] = Paginator(rows, most).get_page(request.GET.get("page"))
    page.object_list = list(page.object_list)
    return page


def _numbers(page: Page[Any]) -> list[int | str]:
    around = page.paginator.get_elided_page_range(
        page.number, on_each_side=2, on_ends=1
    )
    return [number if isinstance(number, int) else str(number) for number in around]
