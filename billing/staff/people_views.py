"""Views of staff on a tenant's people: invitations of tenant admins."""

from collections.abc import Callable
from datetime import datetime

from django.contrib import messages
from django.http import HttpResponse
from django.utils import timezone
from django.utils.translation import gettext
from django.views.decorators.http import require_POST, require_safe

from billing.staff import tenant_head
from billing.staff.action_views import back, tenant_of
from billing.staff.tab_views import render_tab
from portal.db import unit_of_work
from portal.errors import Refused
from portal.http.middleware import PortalRequest
from portal.models import Membership
from portal.people import invite
from portal.people.forms import InviteAdminForm
from portal.people.invite import inviter_of
from portal.people.presenters import invitations_shown
from portal.people.views import add_refusal, refusal_text
from portal.typed_text.clean import isolated

_UNPROCESSABLE = 422


@require_safe
def people(request: PortalRequest, number: str) -> HttpResponse:
    """Show the people of a tenant, and the open invitations."""
    return _page(request, number, InviteAdminForm())


@require_POST
def invite_admin(request: PortalRequest, number: str) -> HttpResponse:
    """Invite a tenant admin; the other roles are the tenant's own to give."""
    tenant = tenant_of(number)
    form = InviteAdminForm(request.POST)
    if form.is_valid():
        try:
            with unit_of_work.acting_for(unit_of_work.STAFF):
                invitation = invite.invite_member(
                    tenant.pk,
                    form.invited(),
                    by=inviter_of(request.caller),
                    at=timezone.now(),
                )
        except Refused as refusal:
            add_refusal(form, refusal)
        else:
            text = gettext("An invitation is on its way to %(address)s.")
            messages.success(request, text % {"address": invitation.address})
            return back(request, number, tab=tenant_head.PEOPLE)
    return _page(request, number, form)


@require_POST
def send_again(request: PortalRequest, number: str, invitation_id: int) -> HttpResponse:
    """Send the mail of an invitation to the tenant again."""

    def act(tenant_id: int, at: datetime) -> str:
        by = inviter_of(request.caller)
        return invite.send_again(tenant_id, invitation_id, by=by, at=at).address

    text = gettext(
        "A new link is on its way to %(name)s; the earlier link no longer works."
    )
    return _act(request, number, act, done=text)


@require_POST
def withdraw(request: PortalRequest, number: str, invitation_id: int) -> HttpResponse:
    """Withdraw an invitation to the tenant."""

    def act(tenant_id: int, at: datetime) -> str:
        by = inviter_of(request.caller)
        return invite.withdraw(tenant_id, invitation_id, by=by, at=at).address

    text = gettext("The invitation of %(name)s is withdrawn; its link no longer works.")
    return _act(request, number, act, done=text)


def _act(
    request: PortalRequest,
    number: str,
    act: Callable[[int, datetime], str],
    *,
    done: str,
) -> HttpResponse:
    tenant = tenant_of(number)
    try:
        with unit_of_work.acting_for(unit_of_work.STAFF):
            name = act(tenant.pk, timezone.now())
    except Refused as refusal:
        messages.error(request, refusal_text(refusal))
    else:
        messages.success(request, done % {"name": isolated(name)})
    return back(request, number, tab=tenant_head.PEOPLE)


def _page(request: PortalRequest, number: str, form: InviteAdminForm) -> HttpResponse:
    now = timezone.now()
    with unit_of_work.acting_for(unit_of_work.STAFF, reading=True):
        shown = tenant_head.tenant_head(number, tenant_head.PEOPLE, at=now)
        members = Membership.objects.filter(tenant=shown["customer"])
        shown["people"] = list(
            members.select_related("user").order_by("role", "user__name")
        )
        shown["invitations"] = invitations_shown(shown["customer"].pk, at=now)
    shown["form"] = form
    status = _UNPROCESSABLE if form.errors else 200
    page = "billing/staff/tenant-people.html"
    return render_tab(request, page, shown, status=status)
