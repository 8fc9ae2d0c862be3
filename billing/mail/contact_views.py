"""Views of the contact for late mails: chosen on *People*, confirmed by a link."""

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils import timezone
from django.utils.cache import add_never_cache_headers
from django.utils.translation import gettext
from django.views.decorators.http import require_http_methods, require_POST

from billing.mail import contacts, views
from portal.accounts.client_address import origin_of
from portal.db import unit_of_work
from portal.errors import Refused, error_document
from portal.http.middleware import PortalRequest
from portal.models import EventKind
from portal.security_events.record import record


@require_POST
def set_contact(request: PortalRequest) -> HttpResponse:
    """Choose one more address for late mails, which has to confirm a link first."""
    now = timezone.now()
    form = views.ContactForm(request.POST)
    if not form.is_valid():
        return views.people_page(request, form=form)
    address = form.cleaned_data["address"]
    with unit_of_work.acting_for(request.caller.tenant):
        is_sent = contacts.choose_contact(
            request.caller.tenant, address=address, by=request.caller.name, at=now
        )
    text = gettext("Late mails are sent to nobody else.")
    if is_sent:
        text = gettext(
            "A link is on its way to %(to)s. Late mails are sent there once the"
            " address is confirmed."
        ) % {"to": address}
    elif address:
        text = gettext("Late mails are sent to %(to)s as well.") % {"to": address}
    messages.success(request, text)
    return redirect("people-page")


@require_http_methods(["GET", "POST"])
def confirm_contact(request: HttpRequest, secret: str) -> HttpResponse:
    """Show what a link confirms; with POST confirm it. Loading it changes nothing."""
    now = timezone.now()
    is_confirmed = request.method == "POST"
    try:
        if is_confirmed:
            contact = contacts.confirm(secret, at=now)
        else:
            with unit_of_work.acting_for(unit_of_work.STAFF, reading=True):
                contact = contacts.find_link(secret, at=now)
    except Refused as refusal:
        record(
            EventKind.LINK_REFUSED,
            origin=origin_of(request),
            at=now,
            details={"link": "late contact", "reason": refusal.code},
        )
        status, document = error_document(refusal)
        return render(
            request, "portal/people/refused-link.html", document, status=status
        )
    shown = {
        "contact": contact,
        "company": contact.tenant,
        "is_confirmed": is_confirmed,
    }
    response = render(request, "billing/mail/contact.html", shown)
    add_never_cache_headers(response)
    return response
