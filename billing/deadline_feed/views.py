"""Endpoint of the deadline calendar; a member's private address authorises it."""

from django.http import HttpResponse
from django.utils import timezone
from django.utils.cache import add_never_cache_headers
from django.views.decorators.http import require_safe

from billing.deadline_feed import ical as feed
from billing.mail import recipients
from portal.db import unit_of_work
from portal.errors import Refused
from portal.http.middleware import PortalRequest


@require_safe
def calendar_feed(_request: PortalRequest, secret: str) -> HttpResponse:
    now = timezone.now()
    tenant_id = recipients.tenant_of_calendar(secret)
    if tenant_id is None:
        raise Refused("not-found")
    with unit_of_work.acting_for(tenant_id, reading=True):
        text = feed.ical_text(feed.feed_events(at=now), at=now)
    response = HttpResponse(text, content_type="text/calendar; charset=utf-8")
    response["Content-Disposition"] = 'inline; filename="usage-files.ics"'
    add_never_cache_headers(response)
    return response
