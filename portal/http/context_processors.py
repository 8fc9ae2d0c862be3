"""Adds the caller, their tenant and the present time to every page's context."""

from typing import Any

from django.conf import settings
from django.http import HttpRequest
from django.utils import timezone

from portal.accounts.caller import Caller, Permission
from portal.db import unit_of_work
from portal.models import Tenant


def page_context(request: HttpRequest) -> dict[str, Any]:
    """Return the caller, their tenant, and whether they may switch to another."""
    caller: Caller | None = getattr(request, "caller", None)
    if caller is None:
        return {}
    tenant = None
    if caller.tenant_id is not None:
        with unit_of_work.acting_for(caller.tenant_id, reading=True):
            tenant = Tenant.objects.get()
    match = request.resolver_match
    return {
        "caller": caller,
        "tenant": tenant,
        "now": timezone.now(),
        "may_switch": caller.memberships > 1,
        "is_staff": Permission.STAFF_READ in caller.permissions,
        "is_without_factor": (
            Permission.STAFF_READ in caller.permissions
            and not settings.STAFF_SECOND_FACTOR
        ),
        # Pages of the staff show lists of many columns, and are wider.
        "is_desk": bool(match and (match.url_name or "").startswith("staff-")),
    }
