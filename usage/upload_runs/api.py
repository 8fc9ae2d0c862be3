"""API endpoints of uploads; see `portal.http.endpoints` for access."""

from uuid import UUID

from django.utils import timezone
from ninja import Query, Router, Schema

from portal.accounts.client_address import client_address
from portal.db import unit_of_work
from portal.errors import Refused
from portal.http.middleware import PortalRequest
from usage.models import How
from usage.upload_runs.schemas import (
    REPORT_AT_MOST,
    UploadDetailOut,
    UploadRef,
    UploadReportIn,
    UploadsOut,
    entry_out,
    report_of,
    upload_out,
    upload_ref,
)
from usage.uploads import queries as upload_queries
from usage.uploads import record

router = Router(tags=["uploads"])

# Uploads in one page of the list.
_LIST = 50


class UploadsQuery(Schema):
    after: UUID | None = None


@router.get("/uploads", response=UploadsOut, url_name="uploads")
def list_uploads(request: PortalRequest, wanted: Query[UploadsQuery]) -> UploadsOut:
    """List uploads, newest first."""
    with unit_of_work.acting_for(request.caller.tenant, reading=True):
        found = upload_queries.after(wanted.after, most=_LIST)
        counts = upload_queries.count_outcomes(found)
    return UploadsOut(
        uploads=[upload_out(one, counts[one.key]) for one in found],
        next=found[-1].key if len(found) == _LIST else None,
    )


@router.put("/uploads/{uuid:key}/report", response=UploadRef, url_name="report-upload")
def report_upload(request: PortalRequest, key: UUID, sent: UploadReportIn) -> UploadRef:
    """Begin an upload under a key that the caller chooses, or report its progress.

    A report is a claim, and changes no verdict. Sending the same report again changes
    nothing. A token of one server reports for that server, whatever machine it names.
    """
    sender = record.UploadSender(
        tenant_id=request.caller.tenant,
        how=How.API if request.caller.token_id else How.BROWSER,
        name=request.caller.name,
        machine=request.caller.token_server or sent.machine,
        version=sent.version,
        sent_from=client_address(request),
    )
    record.record_report(sender, key, report_of(sent), at=timezone.now())
    return upload_ref(key)


@router.get("/uploads/{uuid:key}", response=UploadDetailOut, url_name="upload-run")
def show_upload(request: PortalRequest, key: UUID) -> UploadDetailOut:
    """Show one upload, with its first files, problems first."""
    with unit_of_work.acting_for(request.caller.tenant, reading=True):
        found = upload_queries.find(key)
        if found is None:
            raise Refused("not-found")
        entries = upload_queries.UploadEntries(found)[0:REPORT_AT_MOST]
        out = upload_out(found, upload_queries.count_outcomes([found])[key])
    return UploadDetailOut(**out.dict(), entries=[entry_out(one) for one in entries])
