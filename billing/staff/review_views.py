"""Views of the page To decide: held files and open requests, and each file's page."""

from collections.abc import Callable
from typing import Any
from uuid import UUID

from django.contrib import messages
from django.core.paginator import Page, Paginator
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.utils import timezone
from django.utils.translation import gettext
from django.views.decorators.http import require_POST, require_safe

from billing.lateness import queries as late_queries
from billing.lateness.text import flag_row
from billing.navigation import TO_DECIDE
from billing.notes import queries as note_queries
from billing.requests import excuses
from billing.requests import licences as licence_requests
from billing.requests.presenters import excuse_rows, licence_rows
from billing.staff.forms import DayForm
from billing.staff.held_file import held_file_context
from billing.staff.visit_views import record_visit
from portal.accounts.caller import Permission
from portal.db import unit_of_work
from portal.errors import Refused, error_document
from portal.forms import ReasonForm, first_error
from portal.history.page import section
from portal.history.presenters import TrailReader
from portal.history.queries import TrailFilter
from portal.http.middleware import PortalRequest
from portal.models import Tenant
from portal.pages.filters import known_value
from portal.typed_text.clean import isolated
from usage.files import staff_presenters as file_staff_presenters
from usage.models import FileState, UsageFile
from usage.review import decide
from usage.review import queries as review_queries
from usage.review.queries import HoldReason
from usage.servers import requests as server_requests

# Files on one page: short enough to scroll through.
HELD_A_PAGE = 50

# Requests below the files; they are few, and the oldest are answered first.
REQUESTS_SHOWN = 50

# The lists of `TO_DECIDE`, as the page calls them.
_WAITING = ("files", "requests", "excuses", "licences", "flags")

# Refusals shown as a message on the file's page; others have an error page.
_LOOK_AGAIN = frozenset(
    {
        "day-implausible",
        "decided-already",
        "input-invalid",
        "reason-needed",
        "waits-for-more",
    }
)


@require_safe
def held(request: PortalRequest) -> HttpResponse:
    """List what waits for a decision of the staff, one line for each decision.

    Keys that a tenant has to confirm are listed as well, and not counted as decisions.
    """
    kind = known_value(request, "kind", set(HoldReason))
    with unit_of_work.acting_for(unit_of_work.STAFF, reading=True):
        waiting = [rows().count() for rows in TO_DECIDE]
        to_confirm = review_queries.awaited_keys().count()
        shown = {
            **_held(kind, request.GET.get("page")),
            **_asked(),
            "waiting": dict(zip(_WAITING, waiting, strict=True)),
            "total": sum(waiting),
            "to_confirm": to_confirm,
        }
    shown |= {
        "kind": kind,
        "is_empty": not kind and not shown["total"] and not to_confirm,
        "may_act": Permission.STAFF_ACT in request.caller.permissions,
    }
    return render(request, "billing/staff/review.html", shown)


def _held(kind: str, page: str | None) -> dict[str, Any]:
    """Return keys that files are held for, and a page of the files held otherwise.

    Files of a kind are listed whether or not they wait for a key as well.
    """
    keys = review_queries.with_waiting(review_queries.awaited_keys())
    is_about_keys = kind in ("", HoldReason.KEY)
    files = review_queries.held_files(kind) if kind else review_queries.held_apart()
    if kind == HoldReason.KEY:
        files = files.none()
    found: Page[UsageFile] = Paginator(files, HELD_A_PAGE).get_page(page)
    return {
        "keys": list(keys[:REQUESTS_SHOWN]) if is_about_keys else [],
        "page": found,
        "rows": [
            file_staff_presenters.file_row(file, has_forwarding=False) for file in found
        ],
        "counts": review_queries.counts(),
    }


def _asked() -> dict[str, Any]:
    """Return the oldest requests of each kind, and the newest undecided late flags."""
    asked_excuses = excuses.open_excuses()[:REQUESTS_SHOWN]
    asked_licences = licence_requests.open_requests()[:REQUESTS_SHOWN]
    flags = late_queries.flags(late_queries.FlagFilter.TO_DECIDE)[:REQUESTS_SHOWN]
    return {
        "requests": list(server_requests.open_requests()[:REQUESTS_SHOWN]),
        "excuses": excuse_rows(asked_excuses),
        "licence_requests": licence_rows(asked_licences),
        "flags": [flag_row(one) for one in flags],
    }


@require_safe
def held_file(request: PortalRequest, file_id: UUID) -> HttpResponse:
    """Show one file with everything that there is to decide about it."""
    owner = _owner(file_id)
    record_visit(request, tenant_id=owner)
    with unit_of_work.acting_for(owner, reading=True):
        shown = held_file_context(file_id)
    with unit_of_work.acting_for(unit_of_work.STAFF, reading=True):
        shown["last_note"] = note_queries.last_notes([owner]).get(owner)
    customer: Tenant = shown["customer"]
    shown["history"] = section(
        owner,
        TrailFilter(tenant_id=owner, subject=str(file_id)),
        TrailReader(customer.zone, is_staff=True),
        query={"tenant": customer.number, "subject": str(file_id)},
    )
    shown["may_act"] = Permission.STAFF_ACT in request.caller.permissions
    return render(request, "billing/staff/review-file.html", shown)


def _owner(file_id: UUID) -> int:
    with unit_of_work.acting_for(unit_of_work.STAFF, reading=True):
        tenant_id = review_queries.tenant_of_file(file_id)
    if tenant_id is None:
        raise Refused("not-found")
    return tenant_id


@require_POST
def assign_day(request: PortalRequest, file_id: UUID) -> HttpResponse:
    def act(tenant_id: int) -> UsageFile:
        form = DayForm(request.POST)
        if not form.is_valid():
            raise Refused("input-invalid", detail=first_error(form))
        return decide.assign_day(
            tenant_id,
            file_id=file_id,
            day=form.cleaned_data["day"],
            reason=form.cleaned_data["reason"],
            by=request.caller.name,
            at=timezone.now(),
        )

    return _decide(request, file_id, act)


@require_POST
def accept_signature(request: PortalRequest, file_id: UUID) -> HttpResponse:
    """Let a file count although its key is revoked or was refused."""

    def act(tenant_id: int) -> UsageFile:
        return decide.accept_signature(
            tenant_id,
            file_id=file_id,
            reason=_reason(request),
            by=request.caller.name,
            at=timezone.now(),
        )

    return _decide(request, file_id, act)


@require_POST
def refuse(request: PortalRequest, file_id: UUID) -> HttpResponse:
    def act(tenant_id: int) -> UsageFile:
        return decide.refuse(
            tenant_id,
            file_id=file_id,
            reason=_reason(request),
            by=request.caller.name,
            at=timezone.now(),
        )

    return _decide(request, file_id, act)


@require_POST
def choose(request: PortalRequest, file_id: UUID) -> HttpResponse:
    """Choose which of the shown files counts; sent from the page of any of them."""

    def act(tenant_id: int) -> UsageFile:
        return decide.choose(
            tenant_id,
            file_id=_uuid(request.POST.get("counts")),
            seen={_uuid(text) for text in request.POST.getlist("seen")},
            reason=_reason(request),
            by=request.caller.name,
            at=timezone.now(),
        )

    return _decide(request, file_id, act)


@require_POST
def keep_both(request: PortalRequest, file_id: UUID) -> HttpResponse:
    """Keep all shown files; one of them begins a chain of its own."""

    def act(tenant_id: int) -> UsageFile:
        return decide.keep_both(
            tenant_id,
            file_id=_uuid(request.POST.get("apart")),
            seen={_uuid(text) for text in request.POST.getlist("seen")},
            reason=_reason(request),
            by=request.caller.name,
            at=timezone.now(),
        )

    return _decide(request, file_id, act)


@require_POST
def reopen(request: PortalRequest, file_id: UUID) -> HttpResponse:
    def act(tenant_id: int) -> UsageFile:
        return decide.reopen(
            tenant_id,
            file_id=file_id,
            reason=_reason(request),
            by=request.caller.name,
            at=timezone.now(),
        )

    return _decide(request, file_id, act)


def _decide(
    request: PortalRequest, file_id: UUID, act: Callable[[int], UsageFile]
) -> HttpResponse:
    """Run a decision, and redirect to the file's page with the result or the error."""
    try:
        file = act(_owner(file_id))
    except Refused as refusal:
        if refusal.code not in _LOOK_AGAIN:
            raise
        _, document = error_document(refusal)
        messages.error(request, f"{document['title']} {document['advice']}")
    else:
        text = gettext("%(name)s is now: %(state)s.")
        state = FileState(file.state).label
        messages.success(request, text % {"name": isolated(file.name), "state": state})
    return redirect("staff-held-file", file_id=file_id)


def _reason(request: PortalRequest) -> str:
    form = ReasonForm(request.POST)
    return form.cleaned_data["reason"] if form.is_valid() else ""


def _uuid(text: str | None) -> UUID:
    try:
        return UUID(text or "")
    except ValueError as error:
        raise Refused("not-found") from error
