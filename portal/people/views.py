"""Views of tenant admins about people: invitations, roles, removal; and of leaving.

The page *People* itself belongs to billing, which adds the mails that people get.
"""

from collections.abc import Callable

from django import forms
from django.contrib import messages
from django.contrib.auth import logout
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.utils import timezone
from django.utils.translation import gettext
from django.views.decorators.http import (
    require_http_methods,
    require_POST,
    require_safe,
)

from portal.accounts.client_address import origin_of
from portal.db import unit_of_work
from portal.errors import Refused, error_document
from portal.http.middleware import PortalRequest
from portal.models import Tenant
from portal.people import invite, members, queries
from portal.people.forms import InviteMemberForm, RoleForm
from portal.people.invite import inviter_of
from portal.people.presenters import consequences_of_removal, factors_text
from portal.people.text import role_text
from portal.typed_text.clean import isolated

# Refusals that are shown on the page that the form was on.
_SHOWN_THERE = frozenset(
    {
        "decided-already",
        "last-admin",
        "last-clerk",
        "nothing-to-change",
        "not-for-oneself",
        "role-lost",
        "member-already",
        "member-no-staff",
        "staff-already",
        "invited-already",
        "invitations-too-many",
        "invited-too-often",
    }
)

_UNPROCESSABLE = 422


def add_refusal(form: forms.Form, refusal: Refused) -> None:
    """Show a refusal on the page of a form; another one has an error page.

    Raises:
        Refused: it is none that belongs to a form.

    """
    if refusal.code not in _SHOWN_THERE:
        raise refusal
    _, document = error_document(refusal)
    form.add_error(None, f"{document['title']} {document['advice']}")


def refusal_text(refusal: Refused) -> str:
    """Return a refusal as the text of a message.

    Raises:
        Refused: it is none that a message shows.

    """
    if refusal.code not in _SHOWN_THERE:
        raise refusal
    _, document = error_document(refusal)
    return f"{document['title']} {document['advice']}"


@require_http_methods(["GET", "POST"])
def invite_member(request: PortalRequest) -> HttpResponse:
    """Show the form of an invitation, and invite somebody to the caller's tenant."""
    now = timezone.now()
    form = InviteMemberForm(request.POST if request.method == "POST" else None)
    if form.is_bound and form.is_valid():
        try:
            with unit_of_work.acting_for(request.caller.tenant):
                invitation = invite.invite_member(
                    request.caller.tenant,
                    form.invited(),
                    by=inviter_of(request.caller),
                    at=now,
                )
        except Refused as refusal:
            add_refusal(form, refusal)
        else:
            text = gettext("An invitation is on its way to %(address)s.")
            messages.success(request, text % {"address": invitation.address})
            return redirect("people-page")
    status = _UNPROCESSABLE if form.errors else 200
    shown = {"form": form}
    return render(request, "portal/people/invite.html", shown, status=status)


@require_POST
def send_again(request: PortalRequest, invitation_id: int) -> HttpResponse:
    """Send the mail of an invitation again."""
    text = gettext(
        "A new link is on its way to %(name)s; the earlier link no longer works."
    )
    return _act(
        request,
        lambda: (
            invite.send_again(
                request.caller.tenant,
                invitation_id,
                by=inviter_of(request.caller),
                at=timezone.now(),
            ).address
        ),
        done=text,
    )


@require_POST
def withdraw(request: PortalRequest, invitation_id: int) -> HttpResponse:
    """Withdraw an invitation."""
    text = gettext("The invitation of %(name)s is withdrawn; its link no longer works.")
    return _act(
        request,
        lambda: (
            invite.withdraw(
                request.caller.tenant,
                invitation_id,
                by=inviter_of(request.caller),
                at=timezone.now(),
            ).address
        ),
        done=text,
    )


@require_safe
def member_page(request: PortalRequest, user_id: int) -> HttpResponse:
    """Show a member: role, second factor, and what a removal would end."""
    tenant_id = request.caller.tenant
    with unit_of_work.acting_for(tenant_id, reading=True):
        member = members.find_member(tenant_id, user_id)
        factors = queries.factors_of([user_id]).get(user_id, [])
        shown = {
            "member": member,
            "form": RoleForm(initial={"role": member.role}),
            "factors": factors_text(factors),
            "has_factors": bool(factors),
            "is_own": user_id == request.caller.user_id,
            **consequences_of_removal(member),
        }
    return render(request, "portal/people/member.html", shown)


@require_POST
def change_role(request: PortalRequest, user_id: int) -> HttpResponse:
    """Give a member another role."""
    form = RoleForm(request.POST)
    if not form.is_valid():
        raise Refused("not-found")
    role = form.cleaned_data["role"]
    text = gettext("%(name)s now has the role %(role)s.")
    return _act(
        request,
        lambda: (
            members.change_role(
                request.caller.tenant,
                user_id,
                role,
                by=request.caller,
                at=timezone.now(),
            ).user.name
        ),
        done=text.replace("%(role)s", role_text(role)),
    )


@require_POST
def remove_member(request: PortalRequest, user_id: int) -> HttpResponse:
    """Remove a member from the caller's tenant."""
    if user_id == request.caller.user_id:
        return redirect("people-leave")
    text = gettext("%(name)s is removed and has no access to this company any more.")
    return _act(
        request,
        lambda: (
            members.remove(
                request.caller.tenant,
                user_id,
                by=request.caller,
                origin=origin_of(request),
                at=timezone.now(),
            ).user.name
        ),
        done=text,
    )


@require_POST
def reset_factors(request: PortalRequest, user_id: int) -> HttpResponse:
    """Remove the second factors of a member who has lost them."""
    text = gettext(
        "The second factors of %(name)s are reset, and all their sessions have ended."
    )
    return _act(
        request,
        lambda: (
            members.reset_member_factors(
                request.caller.tenant,
                user_id,
                by=request.caller,
                origin=origin_of(request),
                at=timezone.now(),
            ).user.name
        ),
        done=text,
        before=lambda: members.require_of_one_tenant(user_id),
    )


@require_http_methods(["GET", "POST"])
def leave(request: PortalRequest) -> HttpResponse:
    """Show what leaving ends, and leave the caller's tenant."""
    tenant_id, me = request.caller.tenant, request.caller.user_id or 0
    problem = ""
    if request.method == "POST":
        try:
            with unit_of_work.acting_for(tenant_id):
                members.remove(
                    tenant_id,
                    me,
                    by=request.caller,
                    origin=origin_of(request),
                    at=timezone.now(),
                )
        except Refused as refusal:
            problem = refusal_text(refusal)
        else:
            # Its row is removed; remove the cookie too.
            logout(request)
            return redirect("sign-in")
    with unit_of_work.acting_for(tenant_id, reading=True):
        member = members.find_member(tenant_id, me)
        ended = consequences_of_removal(member)
    shown = {"member": member, "problem": problem, **ended}
    status = _UNPROCESSABLE if problem else 200
    return render(request, "portal/people/leave.html", shown, status=status)


@require_http_methods(["GET", "POST"])
def require_factor(request: PortalRequest) -> HttpResponse:
    """Show who has no second factor, and set whether the tenant requires one."""
    tenant_id = request.caller.tenant
    if request.method == "POST":
        wanted = request.POST.get("wanted") == "yes"
        text = gettext("A second factor is no longer required.")
        if wanted:
            text = gettext("Everybody in this company now needs a second factor.")
        return _act(
            request,
            lambda: members.require_second_factor(
                tenant_id, wanted=wanted, by=request.caller, at=timezone.now()
            ),
            done=text,
        )
    with unit_of_work.acting_for(tenant_id, reading=True):
        shown = {
            "is_required": Tenant.objects.get().requires_second_factor,
            "without": queries.members_without_factor(tenant_id),
        }
    return render(request, "portal/people/require-factor.html", shown)


def _act(
    request: PortalRequest,
    act: Callable[[], str | None],
    *,
    done: str,
    before: Callable[[], None] = lambda: None,
) -> HttpResponse:
    """Run an act of the tenant, and show its result on the page *People*.

    `act` returns the name that `done` contains. `before` runs outside of its unit.
    """
    try:
        before()
        with unit_of_work.acting_for(request.caller.tenant):
            name = act()
    except Refused as refusal:
        messages.error(request, refusal_text(refusal))
    else:
        messages.success(request, done % {"name": isolated(name or "")})
    return redirect("people-page")
