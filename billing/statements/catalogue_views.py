"""Staff pages of the catalogue: its keys and versions, and classifying a key."""

from typing import Any

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.utils import timezone
from django.utils.translation import gettext
from django.views.decorators.http import require_POST, require_safe

from billing.statements import catalogue, page_queries, staff_presenters
from billing.statements.compute.catalogue import Kind
from billing.statements.forms import ClassifyForm
from billing.statements.staff_views import may_act, refusal_message
from portal.db import unit_of_work
from portal.errors import Refused
from portal.http.middleware import PortalRequest


@require_safe
def catalogue_page(request: PortalRequest) -> HttpResponse:
    """Show the catalogue, its versions, and the keys that are not classified."""
    return _catalogue(request)


@require_POST
def classify(request: PortalRequest) -> HttpResponse:
    """Give a licence key a kind from a period on."""
    now = timezone.now()
    form = ClassifyForm(request.POST)
    if not form.is_valid():
        return _catalogue(request, form)
    given = form.cleaned_data
    key, kind = given["licence_key"], Kind(given["kind"])
    try:
        with unit_of_work.acting_for(unit_of_work.STAFF):
            made = catalogue.classify(
                {key: kind},
                valid_from=given["valid_from"],
                reason=given["reason"],
                by=request.caller.name,
                at=now,
            )
    except Refused as refusal:
        form.add_error(None, refusal_message(refusal))
        return _catalogue(request, form)
    text = gettext(
        "%(key)s was classified in catalogue version %(version)s. Statements with this"
        " key are being recomputed."
    )
    messages.success(request, text % {"key": key, "version": made.version})
    return redirect("staff-catalogue")


def _catalogue(
    request: PortalRequest, submitted: ClassifyForm | None = None
) -> HttpResponse:
    key = request.GET.get("key", "").replace("\0", "")
    with unit_of_work.acting_for(unit_of_work.STAFF, reading=True):
        newest = catalogue.newest()
        changes = catalogue.changes()
        unclassified = [
            one
            for one in page_queries.unclassified_keys()
            # Not yet recomputed since somebody has classified the key.
            if one.licence_key not in catalogue.catalogue_of(one.first_period).kinds
        ]
    first = {one.licence_key: one.first_period for one in unclassified}
    initial = {"licence_key": key, "valid_from": first.get(key, "")}
    shown: dict[str, Any] = {
        "newest": newest,
        "kinds": staff_presenters.catalogue_kinds(newest),
        "versions": staff_presenters.version_rows(changes),
        "unclassified": unclassified,
        "form": submitted or ClassifyForm(initial=initial),
        "may_act": may_act(request),
    }
    status = 422 if submitted is not None else 200
    return render(request, "billing/statements/catalogue.html", shown, status=status)
