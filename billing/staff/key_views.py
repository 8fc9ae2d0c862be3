"""Views of a tenant's keys for staff: a server key's page, ending and retiring keys."""

from collections.abc import Callable
from functools import partial
from http import HTTPStatus

from django.core.paginator import Page, Paginator
from django.http import HttpResponse
from django.shortcuts import redirect
from django.utils import timezone
from django.utils.translation import gettext
from django.views.decorators.http import require_POST, require_safe

from billing.staff import tenant_head
from billing.staff.action_views import run_action, tenant_of
from billing.staff.tab_views import load_head, render_tab
from portal.db import unit_of_work
from portal.forms import ReasonForm
from portal.http.middleware import PortalRequest
from usage import tenant_keys
from usage.files import key_queries
from usage.files import staff_presenters as file_staff_presenters
from usage.models import SealingKey, UsageFile
from usage.servers import end_keys
from usage.servers.end_keys import EndedKey
from usage.servers.forms import RevokeKeyForm
from usage.servers.key_views import key_context, show_ended

# Files on one page: short enough to scroll through.
FILES_A_PAGE = 50

# The filter of the files: those received since the revocation.
_SINCE = "since"


@require_safe
def server_key(request: PortalRequest, number: str, key_id: int) -> HttpResponse:
    """Show a server key and, a page at a time, the accepted files signed with it.

    With `kind=since` in the address, those received since the key was revoked.
    """
    return _page(request, number, key_id)


@require_POST
def refuse_key(request: PortalRequest, number: str, key_id: int) -> HttpResponse:
    """Refuse a proposed key on behalf of the customer's people."""
    form = ReasonForm(request.POST)
    if not form.is_valid():
        return _page(request, number, key_id, form)
    act = partial(end_keys.refuse_key, reason=form.cleaned_data["reason"])
    return _end(request, number, key_id, act)


@require_POST
def revoke_key(request: PortalRequest, number: str, key_id: int) -> HttpResponse:
    """Revoke a confirmed key on behalf of the customer's people."""
    zone = tenant_of(number).zone
    form = RevokeKeyForm(request.POST, zone=zone, now=timezone.now())
    if not form.is_valid():
        return _page(request, number, key_id, form)
    act = partial(
        end_keys.revoke_key,
        revoked_from=form.revoked_from(),
        reason=form.cleaned_data["reason"],
    )
    return _end(request, number, key_id, act)


@require_POST
def retire_key(request: PortalRequest, number: str, key_id: int) -> HttpResponse:
    """Retire a sealing key: it still opens files, and is not handed out any more."""
    act = partial(_retire, key_id=key_id)
    done = gettext(
        "The sealing key is retired. Files sealed for it can still be opened; servers"
        " that use it need a new set-up."
    )
    return run_action(request, number, act, done=done, tab=tenant_head.SERVERS)


def _retire(tenant_id: int, *, key_id: int, **how: object) -> SealingKey:
    with unit_of_work.acting_for(unit_of_work.STAFF):
        return tenant_keys.retire_sealing_key(tenant_id, key_id=key_id, **how)  # type: ignore[arg-type]  # by, at and reason


def _end(
    request: PortalRequest, number: str, key_id: int, act: Callable[..., EndedKey]
) -> HttpResponse:
    tenant = tenant_of(number)
    now, by = timezone.now(), request.caller.name
    ending = partial(act, tenant.pk, key_id=key_id, by=by, at=now)
    show_ended(request, ending, zone=tenant.zone)
    return redirect("staff-server-key", number=number, key_id=key_id)


def _page(
    request: PortalRequest, number: str, key_id: int, form: ReasonForm | None = None
) -> HttpResponse:
    shown, tenant = load_head(number, tenant_head.SERVERS)
    kind = _SINCE if request.GET.get("kind") == _SINCE else ""
    with unit_of_work.acting_for(tenant.pk, reading=True):
        shown |= key_context(key_id, tenant, form)
        key = shown["key"]
        find = key_queries.accepted_since if kind else key_queries.accepted_files
        page: Page[UsageFile] = Paginator(find(key), FILES_A_PAGE).get_page(
            request.GET.get("page")
        )
        shown["files"] = [file_staff_presenters.file_row(file) for file in page]
    shown |= {"page": page, "kind": kind}
    status = HTTPStatus.UNPROCESSABLE_ENTITY if form else HTTPStatus.OK
    return render_tab(
        request, "billing/staff/tenant-server-key.html", shown, status=status
    )
