"""For which customer a request was meant: its page may be older than a switch.

Somebody who belongs to several customers can go over to another one in one window,
while a page in a second window still shows, and sends for, the first. Nothing but the
session says whom they act for; a request that says whom it means is held to it.
"""

from django.http import HttpRequest

from portal.accounts.caller import Caller
from portal.db import unit_of_work
from portal.errors import Refused
from portal.models import Tenant

HEADER = "Portal-Tenant"
"""Says the customer number, in the API and in what a page's own script asks."""

FIELD = "for-customer"
"""Says it in a form."""


def require(request: HttpRequest, caller: Caller, *, is_form: bool) -> None:
    """Let a request pass that means the caller's tenant, or does not say whom it means.

    Raises:
        Refused: it means another one. Nobody learns whether that one exists.

    """
    header = request.headers.get(HEADER)
    meant = set() if header is None else {header}
    # The API reads its bodies itself: they are not forms.
    if is_form and request.method == "POST":
        meant |= {str(number) for number in request.POST.getlist(FIELD)}
    if meant and meant != {_number_of(caller)}:
        raise Refused("tenant-differs")


def _number_of(caller: Caller) -> str | None:
    if caller.tenant_id is None:
        return None
    with unit_of_work.acting_for(caller.tenant_id, reading=True):
        return Tenant.objects.values_list("number", flat=True).get()
