"""Views of the page People: members of a tenant, and the mails that each gets."""

from collections.abc import Iterable
from itertools import chain
from typing import Any

from django import forms
from django.contrib import messages
from django.db.models import QuerySet
from django.http import HttpResponse
from django.http.response import HttpResponseBase
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils import timezone
from django.utils.cache import add_never_cache_headers
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _
from django.views.decorators.http import require_POST, require_safe

from billing.coverage.periods import Period
from billing.mail import contacts, recipients
from billing.mail import receipts as mail_receipts
from billing.mail.recipients import MailChoice
from billing.mail.text import (
    choice_text,
    complete_text,
    key_text,
    problem_text,
    receipt_text,
    state_text,
    step_text,
    token_text,
    version_text,
)
from billing.models import (
    CalendarAddress,
    CompleteMail,
    KeyMail,
    ReceiptMail,
    Reminder,
    StatementMail,
    TokenMail,
)
from billing.periods.headline import span_text
from portal.accounts.caller import Permission
from portal.db import unit_of_work
from portal.errors import Refused
from portal.forms import MailAddressField
from portal.http.downloads import with_retry_after
from portal.http.middleware import PortalRequest
from portal.http.previous_page import previous_page
from portal.mail.outbox import MailJob
from portal.models import Tenant
from portal.people.presenters import invitations_shown
from portal.typed_text.clean import isolated
from usage.receipts.forms import ReceiptForm

# Mails on the page: more than a year's reminders to several people.
MAILS_SHOWN = 50

# Most digits of a primary key that PostgreSQL can look up.
_DIGITS = 18


class ContactForm(forms.Form):
    """One more address for late mails; `billing.mail.contact_views` reads it."""

    address = MailAddressField(
        required=False,
        max_length=254,
        label=_("Mail address"),
        help_text=_("Leave it empty, and late mails go to the people above alone."),
    )


@require_safe
def people(request: PortalRequest) -> HttpResponse:
    """Show members, who gets which mail, and the mails that were sent."""
    return people_page(request)


@require_POST
def choose_own_mails(request: PortalRequest) -> HttpResponse:
    """Set whether the caller gets the reminders, or mails about statements."""
    if request.caller.user_id is None:
        raise Refused("not-found")
    return _choose(request, request.caller.user_id)


@require_POST
def choose_mails(request: PortalRequest) -> HttpResponse:
    """Set whether another member gets the reminders, or mails about statements."""
    text = request.POST.get("person", "")
    if not (text.isascii() and text.isdigit() and len(text) <= _DIGITS):
        raise Refused("not-found")
    return _choose(request, int(text))


@require_POST
def make_calendar(request: PortalRequest) -> HttpResponse:
    """Create the caller's private calendar address, shown only once; or remove it."""
    now = timezone.now()
    caller = request.caller
    if caller.user_id is None:
        raise Refused("not-found")
    if request.POST.get("what") == "remove":
        with unit_of_work.acting_for(caller.tenant):
            recipients.remove_calendar_address(
                caller.tenant, user_id=caller.user_id, by=caller.name, at=now
            )
        messages.success(
            request, gettext("The address of the calendar opens nothing now.")
        )
        return redirect("people-page")
    with unit_of_work.acting_for(caller.tenant):
        secret = recipients.make_calendar_address(
            caller.tenant, user_id=caller.user_id, by=caller.name, at=now
        )
    path = reverse("calendar-feed", kwargs={"secret": secret})
    response = people_page(request, address=request.build_absolute_uri(path))
    # Nobody else may find the address in a cache.
    add_never_cache_headers(response)
    return response


@require_POST
@with_retry_after
def mail_receipt(request: PortalRequest) -> HttpResponseBase:
    """Mail the receipt of some files to the caller."""
    now = timezone.now()
    form = ReceiptForm({"ids": request.POST.get("ids", ""), "format": "csv"})
    ids, _ending = form.wanted()
    to = request.caller.name
    found = mail_receipts.mail_receipt(request.caller.tenant, ids, to, now)
    text = gettext("The receipt is on its way to %(to)s.")
    said = text % {"to": to} if found.is_new else found.repeat_text(to)
    messages.success(request, f"{said}{found.parts_text}")
    return redirect(previous_page(request, otherwise="upload-page"))


def _choose(request: PortalRequest, user_id: int) -> HttpResponse:
    now = timezone.now()
    wanted = request.POST.get("wanted") == "yes"
    try:
        choice = MailChoice(request.POST.get("kind", MailChoice.REMINDERS))
    except ValueError as error:
        raise Refused("not-found") from error
    with unit_of_work.acting_for(request.caller.tenant):
        row = recipients.choose_mails(
            request.caller.tenant,
            choice,
            user_id=user_id,
            wanted=wanted,
            by=request.caller.name,
            at=now,
        )
    text = choice_text(choice, wanted=wanted)
    messages.success(request, text % {"name": isolated(row.user.name)})
    return redirect("people-page")


def people_page(
    request: PortalRequest, *, form: ContactForm | None = None, address: str = ""
) -> HttpResponse:
    """Render the page, with a form that was filled in or an address made just now."""
    now = timezone.now()
    me = request.caller.user_id or 0  # a signed-in caller is a person
    with unit_of_work.acting_for(request.caller.tenant, reading=True):
        contact = Tenant.objects.get().escalation_address
        members = recipients.members()
        feed = CalendarAddress.objects.filter(user_id=me).first()
        mails = _mails()
        unconfirmed = contacts.unconfirmed_contact()
        invitations = invitations_shown(request.caller.tenant, at=now)
    shown = {
        "invitations": invitations,
        "unconfirmed": unconfirmed,
        "members": members,
        "mine": next((one for one in members if one.membership.user_id == me), None),
        "contact": contact,
        "form": form or ContactForm(initial={"address": contact}),
        "feed": feed,
        "address": address,
        "mails": mails,
        "may_manage": Permission.MANAGE in request.caller.permissions,
    }
    return render(request, "billing/mail/people.html", shown)


def _mails() -> list[dict[str, Any]]:
    """Return the table rows of the tenant's newest mails."""
    rows: Iterable[QuerySet[MailJob]] = (
        Reminder.objects.defer("text", "html"),
        StatementMail.objects.defer("text", "html"),
        CompleteMail.objects.defer("text", "html"),
        KeyMail.objects.defer("text", "html"),
        TokenMail.objects.defer("text", "html"),
        ReceiptMail.objects.defer("text", "html", "files"),
    )
    newest = (one.order_by("-planned_at", "-pk")[:MAILS_SHOWN] for one in rows)
    found = sorted(chain(*newest), key=lambda one: one.planned_at, reverse=True)
    return [_mail_row(one) for one in found[:MAILS_SHOWN]]


def _mail_row(one: MailJob) -> dict[str, Any]:
    mark, state = state_text(one.shown_state)
    what, span = "", ""
    match one:
        case ReceiptMail():
            what = receipt_text(one)
        case Reminder():
            what, span = step_text(one.step), span_text(Period.parse(one.period))
        case KeyMail():
            what = key_text(one)
        case TokenMail():
            what = token_text()
        case CompleteMail():
            what, span = complete_text(), span_text(Period.parse(one.period))
        case StatementMail():
            what, span = version_text(one.version), span_text(Period.parse(one.period))
    why = problem_text(one.problem)
    row = {"mail": one, "what": what, "span": span, "why": why}
    return {**row, "mark": mark, "state": state}
