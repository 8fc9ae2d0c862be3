"""Downloads of receipts and of file lists, which are streamed as they are read."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, datetime
from uuid import UUID
from zoneinfo import ZoneInfo

from django.contrib import messages
from django.db.models import QuerySet
from django.http import HttpResponse, StreamingHttpResponse
from django.http.response import HttpResponseBase
from django.shortcuts import redirect
from django.utils import timezone
from django.utils.translation import gettext
from django.views.decorators.http import require_POST

from portal.db import unit_of_work
from portal.errors import Refused
from portal.http.downloads import Download, lock_documents, with_retry_after
from portal.http.middleware import PortalRequest, render_elsewhere
from portal.http.previous_page import previous_page
from portal.http.sheets import (
    SheetFormat,
    named,
    streamed_sheet,
    wanted_format,
    whole_sheet,
)
from portal.models import Tenant
from usage.files import date_ranges, overview_queries
from usage.files.forms import FileFilterForm
from usage.files.queries import with_timeline
from usage.files.views import chosen_server, tenant_of
from usage.models import UsageFile
from usage.receipts import by_mail
from usage.receipts import pdf as receipt_pdf
from usage.receipts import rows as receipt_rows
from usage.receipts.forms import ReceiptForm

_TEXT = "text/plain; charset=utf-8"
_PDF = "application/pdf"

# Rows that are read from the database at a time.
_CHUNK = 1_000

# Bytes of an id.
_ID = 16


@with_retry_after
def files_csv(request: PortalRequest) -> HttpResponseBase:
    """Return the list of files, as it is narrowed."""
    wanted = wanted_format(request)
    download = Download(request.caller)
    now = timezone.now()
    form = FileFilterForm(request.GET)
    with unit_of_work.acting_for(request.caller.tenant, reading=True):
        tenant = tenant_of(request)
        ids = _ids(
            overview_queries.list_files(form.wanted(date_ranges.date_ranges(now)))
        )
    return _list(download, wanted, tenant, ids, what="files", at=now)


@with_retry_after
def safe_csv(request: PortalRequest) -> HttpResponseBase:
    """Return the list of what is safe to delete, of all servers or of one."""
    wanted = wanted_format(request)
    download = Download(request.caller)
    now = timezone.now()
    with unit_of_work.acting_for(request.caller.tenant, reading=True):
        tenant = tenant_of(request)
        ids = _ids(_safe(request))
    return _list(download, wanted, tenant, ids, what="safe-to-delete", at=now)


@with_retry_after
def safe_sums(request: PortalRequest) -> HttpResponseBase:
    """Return the sums of what is safe to delete, as sha256sum checks them."""
    download = Download(request.caller)
    with unit_of_work.acting_for(request.caller.tenant, reading=True):
        tenant = tenant_of(request)
        ids = _ids(_safe(request))
    sums = receipt_rows.checksum_pieces(_in_chunks(tenant.pk, ids))
    pieces = download.of(piece.encode() for piece in sums)
    return named(StreamingHttpResponse(pieces, content_type=_TEXT), "SHA256SUMS")


@with_retry_after
def file_receipt(request: PortalRequest, file_id: UUID) -> HttpResponseBase:
    """Return one file's receipt; `format` is csv, xlsx or pdf."""
    fields = {"ids": str(file_id), "format": request.GET.get("format", "")}
    ids, ending = ReceiptForm(fields).wanted()
    has = UsageFile.objects.filter(pk=file_id).exists
    with unit_of_work.acting_for(request.caller.tenant, reading=True):
        is_here = has()
    if not is_here:
        return render_elsewhere(request, has=has)
    return receipt_of(request, ids, ending, at=timezone.now())


@require_POST
@with_retry_after
def receipt(request: PortalRequest) -> HttpResponseBase:
    """Return the receipt of up to 10,000 files; what is not here is counted.

    One that is too long for a single PDF is mailed to the caller instead.
    """
    ids, ending = ReceiptForm(request.POST).wanted()
    return receipt_of(request, ids, ending, at=timezone.now())


def receipt_of_days(
    request: PortalRequest, first: date, last: date, *, about: str
) -> HttpResponseBase:
    """Return the receipt of the accepted files of some days, both included.

    `about` says on the PDF which days these are, and how complete.
    """
    with unit_of_work.acting_for(request.caller.tenant, reading=True):
        ids = overview_queries.accepted_ids(first, last)
    if not ids:
        raise Refused("period-empty")
    fields = {
        "ids": "\n".join(map(str, ids)),
        "format": request.GET.get("format") or "csv",
    }
    wanted, ending = ReceiptForm(fields).wanted()
    return receipt_of(request, wanted, ending, at=timezone.now(), about=about)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Sheet:
    """Files of a receipt, as many as are the tenant's, and what stands above them."""

    tenant: Tenant
    files: list[UsageFile]
    missing: int
    made_by: str
    made_at: datetime


def receipt_of(
    request: PortalRequest,
    ids: set[UUID],
    ending: str,
    *,
    at: datetime,
    about: str = "",
) -> HttpResponseBase:
    """Return the receipt of some files as `csv`, `xlsx` or `pdf`."""
    if ending != "pdf":
        wanted = wanted_format(request)
        with unit_of_work.acting_for(request.caller.tenant, reading=True):
            sheet = _read(request, ids, at=at)
        return _table(sheet, wanted)
    found = _pdf(request, ids, at=at, about=about)
    return found or _by_mail(request, ids, at=at)


def _read(request: PortalRequest, ids: set[UUID], *, at: datetime) -> _Sheet:
    found = list(overview_queries.of_ids(ids))
    return _Sheet(
        tenant=tenant_of(request),
        files=found,
        missing=len(ids) - len(found),
        made_by=request.caller.name,
        made_at=at,
    )


def _table(sheet: _Sheet, wanted: SheetFormat) -> HttpResponse:
    zone = sheet.tenant.zone
    lines = receipt_rows.receipt_lines(sheet.files, zone=zone)
    table = receipt_rows.receipt_table(lines, zone=zone, missing=sheet.missing)
    return whole_sheet(wanted, table, name=_name(sheet, ending=wanted.ending))


def _pdf(
    request: PortalRequest, ids: set[UUID], *, at: datetime, about: str
) -> HttpResponse | None:
    """Return a receipt as PDF; None if it is too long for a single one.

    The unit of work lasts until the document is made, and with it the caller's turn.
    """
    with unit_of_work.acting_for(request.caller.tenant, reading=True):
        lock_documents(request.caller)
        if UsageFile.objects.filter(pk__in=ids).count() > receipt_pdf.PDF_AT_MOST:
            return None
        sheet = _read(request, ids, at=at)
        tenant = sheet.tenant
        lines = list(receipt_rows.receipt_lines(sheet.files, zone=tenant.zone))
        if len(receipt_pdf.documents(lines)) > 1:
            return None
        head = receipt_pdf.ReceiptHead(
            tenant=tenant.name,
            number=tenant.number,
            made_by=sheet.made_by,
            made_at=at.astimezone(ZoneInfo(tenant.zone)),
            missing=sheet.missing,
            about=about,
        )
        data = receipt_pdf.as_pdf(lines, head)
    response = HttpResponse(data, content_type=_PDF)
    return named(response, _name(sheet, ending="pdf"))


def _by_mail(
    request: PortalRequest, ids: set[UUID], *, at: datetime
) -> HttpResponseBase:
    """Queue a receipt that is too long for a download, and say that it is mailed."""
    to = request.caller.name
    found = by_mail.request_receipt(request.caller.tenant, ids, to=to, at=at)
    text = gettext("The receipt is too long for one PDF, so it is mailed to %(to)s.")
    said = text % {"to": to} if found.is_new else found.repeat_text(to)
    messages.success(request, f"{said}{found.parts_text}")
    return redirect(previous_page(request, otherwise="upload-page"))


def _name(sheet: _Sheet, *, ending: str) -> str:
    number, at = sheet.tenant.number, sheet.made_at
    return receipt_rows.file_name("receipt", number=number, at=at, ending=ending)


def _safe(request: PortalRequest) -> QuerySet[UsageFile]:
    chosen = chosen_server(request, overview_queries.sum_safe_files())
    return overview_queries.safe_files(chosen.server_id if chosen else None)


def _ids(files: QuerySet[UsageFile]) -> bytes:
    """Return the ids of a list's files in its order, before it is streamed.

    As bytes, one after the other: a list of a million files takes 16 MB.
    """
    ids = bytearray()
    for one in files.values_list("pk", flat=True).iterator(_CHUNK):
        ids += one.bytes
    return bytes(ids)


def _in_chunks(tenant_id: int, ids: bytes) -> Iterator[UsageFile]:
    """Read files as the answer goes out, each chunk in a unit of work of its own.

    A slow reader holds no transaction, and the memory of a long list is that of one
    chunk and of its ids.
    """
    places = range(0, len(ids), _ID)
    for begin in range(0, len(places), _CHUNK):
        some = places[begin : begin + _CHUNK]
        wanted = [UUID(bytes=ids[at : at + _ID]) for at in some]
        with unit_of_work.acting_for(tenant_id, reading=True):
            found = with_timeline().in_bulk(wanted)
        # A rejected file's row may have gone meanwhile.
        yield from (found[one] for one in wanted if one in found)


def _list(
    download: Download,
    wanted: SheetFormat,
    tenant: Tenant,
    ids: bytes,
    *,
    what: str,
    at: datetime,
) -> HttpResponseBase:
    """Stream a list of files."""
    wanted.require_rows(len(ids) // _ID)
    lines = receipt_rows.receipt_lines(_in_chunks(tenant.pk, ids), zone=tenant.zone)
    table = receipt_rows.receipt_table(lines, zone=tenant.zone)
    name = receipt_rows.file_name(
        what, number=tenant.number, at=at, ending=wanted.ending
    )
    return streamed_sheet(download, wanted, table, name=name)
