"""API endpoint of access checks; see `portal.http.endpoints` for access."""

from dataclasses import replace

from django.utils import timezone
from ninja import Router

from portal.errors import Refused
from portal.http.middleware import PortalRequest
from usage.connectivity.results import record_access
from usage.connectivity.schemas import (
    AccessCheckIn,
    AccessCheckOut,
    access_out,
    reported_of,
)

router = Router(tags=["servers"])


@router.post("/access-checks", response=AccessCheckOut, url_name="report-access")
def report_access(request: PortalRequest, sent: AccessCheckIn) -> AccessCheckOut:
    """Store the result of an access check in place of the machine's last one.

    A token of one server reports for that server, whatever machine it names.
    """
    reported = reported_of(sent)
    if request.caller.token_server:
        reported = replace(reported, machine=request.caller.token_server)
    if not reported.bucket:
        raise Refused("input-invalid", detail="names: none has is_of_bucket true")
    report = record_access(
        request.caller.tenant, reported, by=request.caller.name, at=timezone.now()
    )
    return access_out(report)
