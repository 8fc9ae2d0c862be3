"""Records in a tenant's audit trail that staff looked at its pages."""

from collections.abc import Callable, Iterable
from functools import wraps
from typing import Any

from django.http.response import HttpResponseBase
from django.urls import URLPattern
from django.utils import timezone

from portal.audit import visits
from portal.http.middleware import PortalRequest
from portal.typed_text.clean import one_line

View = Callable[..., HttpResponseBase]

# The part of an address that names a tenant.
_NUMBER = "number"


def recorded(patterns: Iterable[URLPattern]) -> list[URLPattern]:
    """Return URL patterns whose views record a visit if the address names a tenant.

    All of them at one place, so that no page of a tenant is forgotten.
    """
    found = list(patterns)
    for one in found:
        if _NUMBER in one.pattern.converters:
            one.callback = _recording(one.callback)
    return found


def record_visit(request: PortalRequest, *, tenant_id: int) -> None:
    """Record a visit of a tenant by a page whose address does not name it."""
    if request.caller.user_id is not None:
        visits.record(
            tenant_id=tenant_id,
            user_id=request.caller.user_id,
            name=request.caller.name,
            at=timezone.now(),
        )


def _recording(view: View) -> View:
    @wraps(view)
    def recording(
        request: PortalRequest, *args: Any, **kwargs: Any
    ) -> HttpResponseBase:
        # A form that is sent is an act of its own, with an entry of its own.
        if request.method in ("GET", "HEAD") and request.caller.user_id is not None:
            visits.record(
                number=one_line(kwargs[_NUMBER]),
                user_id=request.caller.user_id,
                name=request.caller.name,
                at=timezone.now(),
            )
        return view(request, *args, **kwargs)

    return recording
