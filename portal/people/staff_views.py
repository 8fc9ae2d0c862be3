"""Views of the page *Staff*: billing staff, invitations to it, closed accounts."""

from collections.abc import Callable
from datetime import datetime

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.utils import timezone
from django.utils.translation import gettext
from django.views.decorators.http import (
    require_http_methods,
    require_POST,
    require_safe,
)

from portal.accounts.caller import Permission
from portal.accounts.client_address import origin_of
from portal.db import unit_of_work
from portal.errors import Refused
from portal.http.middleware import PortalRequest
from portal.models import Membership, User
from portal.people import end_access, invite, queries, staff
from portal.people.forms import InviteStaffForm, StaffRoleForm
from portal.people.invite import inviter_of
from portal.people.presenters import factors_text, invitations_shown
from portal.people.text import role_text
from portal.people.views import add_refusal, refusal_text
from portal.typed_text.clean import isolated

_UNPROCESSABLE = 422


@require_safe
def people(request: PortalRequest) -> HttpResponse:
    """List the billing staff and the open invitations to it."""
    now = timezone.now()
    with unit_of_work.acting_for(unit_of_work.STAFF, reading=True):
        found = queries.staff_people()
        factors = queries.factors_of([one.pk for one in found])
        invitations = invitations_shown(None, at=now)
    sessions = queries.session_counts([one.pk for one in found], at=now)
    rows = [
        {
            "person": one,
            "role": role_text(one.staff_role),
            "factors": factors_text(factors.get(one.pk, [])),
            "sessions": sessions.get(one.pk, 0),
        }
        for one in found
    ]
    shown = {"rows": rows, "invitations": invitations, "may_act": _may_act(request)}
    return render(request, "portal/people/staff.html", shown)


@require_http_methods(["GET", "POST"])
def invite_staff(request: PortalRequest) -> HttpResponse:
    """Show the form of an invitation, and invite somebody to the billing staff."""
    now = timezone.now()
    form = InviteStaffForm(request.POST if request.method == "POST" else None)
    if form.is_bound and form.is_valid():
        try:
            with unit_of_work.acting_for(unit_of_work.STAFF):
                invitation = invite.invite_staff(
                    form.invited(), by=inviter_of(request.caller), at=now
                )
        except Refused as refusal:
            add_refusal(form, refusal)
        else:
            text = gettext("An invitation is on its way to %(address)s.")
            messages.success(request, text % {"address": invitation.address})
            return redirect("staff-people")
    status = _UNPROCESSABLE if form.errors else 200
    shown = {"form": form}
    return render(request, "portal/people/invite-staff.html", shown, status=status)


@require_POST
def send_again(request: PortalRequest, invitation_id: int) -> HttpResponse:
    """Send the mail of an invitation to the staff again."""

    def act(at: datetime) -> str:
        by = inviter_of(request.caller)
        return invite.send_again(None, invitation_id, by=by, at=at).address

    text = gettext(
        "A new link is on its way to %(name)s; the earlier link no longer works."
    )
    return _act(request, act, done=text)


@require_POST
def withdraw(request: PortalRequest, invitation_id: int) -> HttpResponse:
    """Withdraw an invitation to the staff."""

    def act(at: datetime) -> str:
        by = inviter_of(request.caller)
        return invite.withdraw(None, invitation_id, by=by, at=at).address

    text = gettext("The invitation of %(name)s is withdrawn; its link no longer works.")
    return _act(request, act, done=text)


@require_safe
def person_page(request: PortalRequest, user_id: int) -> HttpResponse:
    """Show an account: its roles, and what closing it would end."""
    with unit_of_work.acting_for(unit_of_work.STAFF, reading=True):
        person = User.objects.filter(pk=user_id).first()
        if person is None:
            raise Refused("not-found")
        rows = Membership.objects.filter(user=person).select_related("tenant")
        memberships = list(rows.order_by("tenant__name", "tenant_id"))
        tokens = [
            token
            for one in memberships
            for token in end_access.tokens_of(person, one.tenant_id)
        ]
        factors = queries.factors_of([user_id]).get(user_id, [])
    sessions = queries.session_counts([user_id], at=timezone.now())
    shown = {
        "person": person,
        "role": role_text(person.staff_role) if person.staff_role else "",
        "form": StaffRoleForm(initial={"role": person.staff_role}),
        "memberships": [(one.tenant, role_text(one.role)) for one in memberships],
        "tokens": tokens,
        "factors": factors_text(factors),
        "has_factors": bool(factors),
        "sessions": sessions.get(user_id, 0),
        "may_act": _may_act(request),
        "is_own": user_id == request.caller.user_id,
    }
    return render(request, "portal/people/staff-person.html", shown)


@require_POST
def change_role(request: PortalRequest, user_id: int) -> HttpResponse:
    """Give somebody of the staff another role."""
    form = StaffRoleForm(request.POST)
    if not form.is_valid():
        raise Refused("not-found")
    role = form.cleaned_data["role"]

    def act(at: datetime) -> str:
        return staff.change_staff_role(user_id, role, by=request.caller, at=at).name

    text = gettext("%(name)s now has the role %(role)s.").replace(
        "%(role)s", role_text(role)
    )
    return _act(request, act, done=text)


@require_POST
def reset_factors(request: PortalRequest, user_id: int) -> HttpResponse:
    """Remove the second factors of somebody who has lost them."""

    def act(at: datetime) -> str:
        return staff.reset_persons_factors(
            user_id, by=request.caller, origin=origin_of(request), at=at
        ).name

    text = gettext(
        "The second factors of %(name)s are reset, and all their sessions have ended."
    )
    return _act(request, act, done=text)


@require_POST
def close_account(request: PortalRequest, user_id: int) -> HttpResponse:
    """Close the account of anybody."""

    def act(at: datetime) -> str:
        return staff.close_account(
            user_id, by=request.caller, origin=origin_of(request), at=at
        ).name

    text = gettext("The account of %(name)s is closed, and all their access has ended.")
    return _act(request, act, done=text)


def _may_act(request: PortalRequest) -> bool:
    return Permission.STAFF_ACT in request.caller.permissions


def _act(
    request: PortalRequest, act: Callable[[datetime], str], *, done: str
) -> HttpResponse:
    """Run an act of the staff, and show its result on the page *Staff*."""
    try:
        with unit_of_work.acting_for(unit_of_work.STAFF):
            name = act(timezone.now())
    except Refused as refusal:
        messages.error(request, refusal_text(refusal))
    else:
        messages.success(request, done % {"name": isolated(name)})
    return redirect("staff-people")
