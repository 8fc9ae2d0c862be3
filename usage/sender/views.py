"""Returns the sender as a download: a Python program, or a PowerShell script."""

from django.conf import settings
from django.http import HttpResponse
from django.views.decorators.http import require_safe

from portal.http.middleware import PortalRequest
from usage.sender.access_target import access_target
from usage.sender.package import FILE_NAME, sender_file
from usage.sender.script import SCRIPT_NAME, sender_script


@require_safe
def sender_download(_request: PortalRequest) -> HttpResponse:
    """Return the sender, with the address of this portal in it."""
    data = sender_file(settings.PORTAL_ADDRESS, access_target())
    return _download(data, FILE_NAME, kind="application/zip")


@require_safe
def script_download(_request: PortalRequest) -> HttpResponse:
    """Return the PowerShell script, with the address of this portal in it."""
    data = sender_script(settings.PORTAL_ADDRESS, access_target())
    return _download(data, SCRIPT_NAME, kind="text/plain; charset=us-ascii")


def _download(data: bytes, name: str, *, kind: str) -> HttpResponse:
    response = HttpResponse(data, content_type=kind)
    response["Content-Disposition"] = f'attachment; filename="{name}"'
    return response
