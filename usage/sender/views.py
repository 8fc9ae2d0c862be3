"""Returns the sender as a download."""

from django.conf import settings
from django.http import HttpResponse
from django.views.decorators.http import require_safe

from portal.http.middleware import PortalRequest
from usage.sender.package import FILE_NAME, sender_file


@require_safe
def sender_download(_request: PortalRequest) -> HttpResponse:
    """Return the sender, with the address of this portal in it."""
    response = HttpResponse(
        sender_file(settings.PORTAL_ADDRESS), content_type="application/zip"
    )
    response["Content-Disposition"] = f'attachment; filename="{FILE_NAME}"'
    return response
