"""Views of the notes of the staff about a tenant."""

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import redirect
from django.utils import timezone
from django.utils.translation import gettext
from django.views.decorators.http import require_http_methods, require_POST

from billing.notes import queries as note_queries
from billing.notes import record
from billing.notes.forms import NoteForm
from billing.notes.record import NoteAuthor
from billing.staff import tenant_head
from billing.staff.action_views import tenant_of
from billing.staff.tab_views import load_head, render_tab
from portal.db import unit_of_work
from portal.http.middleware import PortalRequest
from portal.pages.paging import list_page

# Notes on one page: short enough to scroll through.
NOTES_A_PAGE = 25


@require_http_methods(["GET", "POST"])
def notes(request: PortalRequest, number: str) -> HttpResponse:
    """List the notes about a tenant, and add one."""
    form = NoteForm(request.POST if request.method == "POST" else None)
    if form.is_valid():
        record.write_note(
            tenant_of(number),
            text=form.cleaned_data["text"],
            author=_author(request),
            at=timezone.now(),
        )
        messages.success(request, gettext("The note is added."))
        return redirect(tenant_head.NOTES, number=number)
    shown, tenant = load_head(number, tenant_head.NOTES)
    found = note_queries.notes_of(tenant.pk)
    with unit_of_work.acting_for(unit_of_work.STAFF, reading=True):
        page = list_page(
            lambda first, most: list(found[first : first + most]),
            request.GET.get("page"),
            size=NOTES_A_PAGE,
            count=found.count,
        )
    shown |= {"form": form, "page": page, "own_id": request.caller.user_id}
    status = 422 if form.errors else 200
    return render_tab(request, "billing/staff/tenant-notes.html", shown, status=status)


@require_http_methods(["GET", "POST"])
def correct_note(request: PortalRequest, number: str, note_id: int) -> HttpResponse:
    """Show one's own note in a form, and replace its text."""
    shown, tenant = load_head(number, tenant_head.NOTES)
    author = _author(request)
    with unit_of_work.acting_for(unit_of_work.STAFF):
        note = record.own_note(tenant, note_id, author=author)
    is_sent = request.method == "POST"
    form = NoteForm(
        request.POST if is_sent else None, initial={"text": note.text}, auto_id="own-%s"
    )
    if form.is_valid():
        text = form.cleaned_data["text"]
        now = timezone.now()
        record.correct_note(tenant, note_id, text=text, author=author, at=now)
        messages.success(request, gettext("The note is corrected."))
        return redirect(tenant_head.NOTES, number=number)
    shown |= {"form": form, "note": note}
    status = 422 if form.errors else 200
    return render_tab(request, "billing/staff/note.html", shown, status=status)


@require_POST
def withdraw_note(request: PortalRequest, number: str, note_id: int) -> HttpResponse:
    """Withdraw one's own note."""
    now = timezone.now()
    record.withdraw_note(tenant_of(number), note_id, author=_author(request), at=now)
    messages.success(request, gettext("The note is withdrawn."))
    return redirect(tenant_head.NOTES, number=number)


def _author(request: PortalRequest) -> NoteAuthor:
    """Return the caller as an author; staff are people, never tokens."""
    return NoteAuthor(user_id=request.caller.user_id or 0, name=request.caller.name)
