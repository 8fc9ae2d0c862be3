"""API endpoints of statements: heads, documents, tables, files, evidence, schemas."""

import json
import re
from collections.abc import Callable
from datetime import datetime
from functools import partial
from pathlib import Path
from typing import Annotated, Any

from django.http import (
    HttpRequest,
    HttpResponse,
    HttpResponseBase,
    StreamingHttpResponse,
)
from django.utils import timezone
from ninja import Query, Router, Schema
from pydantic import Field

from billing.coverage.periods import Period
from billing.statements import evidence, queries, stored_pdfs
from billing.statements.paper import PaperSource
from billing.statements.queries import ServedStatement
from billing.statements.tables import figures_table
from portal.accounts.caller import Permission
from portal.audit import visits
from portal.db import unit_of_work
from portal.errors import Refused
from portal.http.downloads import Download, with_retry_after
from portal.http.middleware import PortalRequest
from portal.http.sheets import CSV, SheetFormat, named_format
from portal.models import Tenant
from portal.typed_text.schemas import Line

router = Router(tags=["statements"])

# Most heads on a page of the staff's list.
_MOST = 500

_VERSION = re.compile(r"latest|draft|[1-9][0-9]{0,5}")

_JSON = "application/json"
_CSV = "text/csv; charset=utf-8"
_PDF = "application/pdf"

# Published JSON Schemas, by the names in their addresses.
_SCHEMAS = Path(__file__).parent / "schemas"


class ReplacedOut(Schema):
    version: int
    sha256: str


class StatementHeadOut(Schema):
    """A version of a statement. `tenant` is the customer number.

    `provisional` and `draft` are not issued: they have no number, version or position,
    and change as files arrive.
    """

    number: str | None
    tenant: str
    period: str
    version: int | None
    state: str
    issued_at: datetime | None
    sha256: str | None
    replaces: ReplacedOut | None
    position: int | None


class StatementHeadsOut(Schema):
    """Heads; `next` is the position to continue after, null at the end."""

    items: list[StatementHeadOut]
    next: int | None


class HeadsIn(Schema):
    """For staff: `after` is the position of the last head read, at first 0."""

    after: int = Field(0, ge=0, le=2**62)
    limit: int = Field(100, ge=1, le=_MOST)


class SheetIn(Schema):
    """The format of a table: `csv` or `xlsx`; `comma`, `semicolon` or `tab`.

    The default is the CSV with commas that a version stores.
    """

    format: str = Field("csv", max_length=10)
    separator: str = Field("comma", max_length=10)


class StatementIn(Schema):
    """Which version: a number, `draft`, or `latest`; `tenant` is for staff."""

    version: Annotated[Line, Field(max_length=10)] = "latest"
    tenant: Annotated[Line, Field(max_length=100)] = ""


@router.get("/statements", response=StatementHeadsOut, url_name="statements")
def list_statements(request: PortalRequest, wanted: Query[HeadsIn]) -> Any:
    """List the tenant's statements, newest first.

    For staff: all issued versions of all tenants, in the order in which they were
    issued. A client that stores the last `position` it has read, and requests `after`
    it, gets each version exactly once.
    """
    if Permission.STAFF_READ not in request.caller.permissions:
        items = queries.heads_of_tenant(request.caller.tenant, at=timezone.now())
        return {"items": items, "next": None}
    with unit_of_work.acting_for(unit_of_work.STAFF, reading=True):
        items = queries.issued_heads(after=wanted.after, most=wanted.limit)
    is_full = len(items) == wanted.limit
    return {"items": items, "next": items[-1].position if is_full else None}


@router.get("/statements/{period}.focus.csv", url_name="statement-focus")
def show_focus(
    request: PortalRequest, period: str, wanted: Query[StatementIn]
) -> HttpResponse:
    """Return a statement's usage as CSV in the shape of FOCUS 1.2, without prices."""
    found = _serve(request, period, wanted)
    return _respond(request, found, found.focus_csv, _CSV, name="focus.csv")


@router.get("/statements/{period}.csv", url_name="statement-csv")
def show_csv(
    request: PortalRequest,
    period: str,
    wanted: Query[StatementIn],
    sheet: Query[SheetIn],
) -> HttpResponse:
    """Return a statement's figures as CSV or XLSX: of the period and of each day."""
    named = named_format(sheet.format, sheet.separator)
    found = _serve(request, period, wanted)
    if named == SheetFormat(CSV):
        return _respond(request, found, found.csv, _CSV, name="csv")

    def make() -> bytes:
        return b"".join(named.pieces(figures_table(json.loads(found.document))))

    tag = f"{found.sha256}-{named.ending}-{sheet.separator}"
    kind, ending = named.content_type, named.ending
    return _respond(request, found, make, kind, name=ending, tag=tag)


@router.get("/statements/{period}.pdf", url_name="statement-pdf")
def show_pdf(
    request: PortalRequest, period: str, wanted: Query[StatementIn]
) -> HttpResponse:
    """Return a statement as PDF, with its JSON, CSV and list of files attached."""
    found = _serve(request, period, wanted)
    number = found.head.number
    if number is not None:
        tenant_id = _tenant_id(request, wanted)
        make = partial(stored_pdfs.pdf_of_version, tenant_id, number)
        return _respond(request, found, make, _PDF, name="pdf")
    source = PaperSource(
        document=found.document,
        csv=found.csv,
        files=found.files,
        as_of=found.as_of,
    )
    make = partial(stored_pdfs.pdf_of_current, source)
    # It also states the instant of its figures.
    tag = f"{found.sha256}-{found.as_of:%Y%m%d%H%M%S}"
    return _respond(request, found, make, _PDF, name="pdf", tag=tag)


@router.get("/statements/{period}/files", url_name="statement-files")
def show_files(
    request: PortalRequest, period: str, wanted: Query[StatementIn]
) -> HttpResponse:
    """List the files that a statement was computed from, with their SHA-256."""
    found = _serve(request, period, wanted)
    return _respond(request, found, found.files, _JSON, name="files.json")


@router.get("/statements/{period}/evidence", url_name="statement-evidence")
@with_retry_after
def download_evidence(
    request: PortalRequest, period: str, wanted: Query[StatementIn]
) -> HttpResponseBase:
    """Download what a statement was computed from, with pseudonyms, and a verifier.

    A ZIP archive for tenant admins and staff; the download is in the audit trail.
    """
    download = Download(request.caller)
    found = _serve(request, period, wanted)
    pieces = evidence.package(
        _tenant_id(request, wanted),
        Period.parse(period),
        found,
        by=request.caller.name,
        at=timezone.now(),
    )
    response = StreamingHttpResponse(
        download.of(pieces), content_type="application/zip"
    )
    name = f"evidence-{found.head.name}.zip"
    response["Content-Disposition"] = f'attachment; filename="{name}"'
    return response


@router.get("/statements/{period}", url_name="statement")
def show_statement(
    request: PortalRequest, period: str, wanted: Query[StatementIn]
) -> HttpResponse:
    """Return a statement as JSON, in the schema that it names."""
    found = _serve(request, period, wanted)
    return _respond(request, found, found.document, _JSON, name="json")


@router.get("/schemas/{name}.json", auth=None, url_name="schema")
def show_schema(request: HttpRequest, name: str) -> HttpResponse:
    """Return a JSON Schema of responses of this API."""
    del request  # anybody may read it
    for path in _SCHEMAS.glob("*.json"):
        if path.stem == name:
            return HttpResponse(
                path.read_bytes(), content_type="application/schema+json"
            )
    raise Refused("not-found")


def _serve(request: PortalRequest, period: str, wanted: StatementIn) -> ServedStatement:
    try:
        parsed = Period.parse(period)
    except ValueError as error:
        raise Refused("period-invalid") from error
    if _VERSION.fullmatch(wanted.version) is None:
        detail = "query.version: must be a number, latest or draft"
        raise Refused("input-invalid", detail=detail)
    return queries.serve(
        _tenant_id(request, wanted),
        parsed,
        version=wanted.version,
        at=timezone.now(),
    )


def _tenant_id(request: PortalRequest, wanted: StatementIn) -> int:
    """Return the id of the caller's tenant; for staff, of the tenant in the query."""
    if Permission.STAFF_READ not in request.caller.permissions:
        own = request.caller.tenant
        if wanted.tenant:
            with unit_of_work.acting_for(own, reading=True):
                if not Tenant.objects.filter(number=wanted.tenant).exists():
                    raise Refused("not-found")
        return own
    with unit_of_work.acting_for(unit_of_work.STAFF, reading=True):
        found = Tenant.objects.filter(number=wanted.tenant)
        tenant_id = found.values_list("pk", flat=True).first()
    if tenant_id is None:
        raise Refused("not-found")
    if request.caller.user_id is not None:
        visits.record(
            tenant_id=tenant_id,
            user_id=request.caller.user_id,
            name=request.caller.name,
            at=timezone.now(),
        )
    return tenant_id


def _respond(
    request: HttpRequest,
    found: ServedStatement,
    content: bytes | Callable[[], bytes],
    content_type: str,
    *,
    name: str,
    tag: str = "",
) -> HttpResponse:
    """Return the content as a download, or 304 if the caller has it.

    `name` is the ending of its name; `tag` the one that it is known by, if it is not
    the SHA-256 of the document. Content that has to be made is made if it is needed.
    """
    tag = f'"{tag or found.sha256}"'
    known = request.headers.get("If-None-Match", "")
    # A proxy that compresses responses marks their tags as weak.
    tags = {one.strip().removeprefix("W/") for one in known.split(",")}
    if known == "*" or tag in tags:
        response = HttpResponse(status=304)
    else:
        data = content if isinstance(content, bytes) else content()
        response = HttpResponse(data, content_type=content_type)
    response["ETag"] = tag
    if response.status_code != 304:  # noqa: PLR2004 - not modified
        full_name = f"statement-{found.head.name}.{name}"
        response["Content-Disposition"] = f'attachment; filename="{full_name}"'
    return response
