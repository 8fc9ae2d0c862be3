"""Refuses a request that was meant for another tenant than the caller acts for.

A member of several tenants can switch to another one in one window, while a page in a
second window still shows, and sends for, the first. Only the session holds the tenant
that they act for, so a request that names its tenant must name that one.
"""

from django.http import HttpRequest

from portal.accounts.caller import Caller
from portal.db import unit_of_work
from portal.errors import Refused
from portal.models import Tenant

HEADER = "Portal-Tenant"
"""The header with the customer number, in the API and in requests of our scripts."""

FIELD = "for-customer"
"""The form field with the customer number."""


def require_by_header(request: HttpRequest, caller: Caller) -> None:
    """Let a request pass whose header names the caller's tenant, or names none.

    Raises:
        Refused: it names another one. The answer does not reveal whether that exists.

    """
    header = request.headers.get(HEADER)
    _require(set() if header is None else {header}, caller)


def require_by_form(request: HttpRequest, caller: Caller) -> None:
    """Let a form pass that names the caller's tenant, or names none.

    Raises:
        Refused: as above.

    """
    _require({str(number) for number in request.POST.getlist(FIELD)}, caller)


def _require(named: set[str], caller: Caller) -> None:
    if named and named != {_number_of(caller)}:
        raise Refused("tenant-differs")


def _number_of(caller: Caller) -> str | None:
    if caller.tenant_id is None:
        return None
    with unit_of_work.acting_for(caller.tenant_id, reading=True):
        return Tenant.objects.values_list("number", flat=True).get()
