"""Views of the page Mail: mails with state, mails sent next, and the stop switch."""

from datetime import datetime
from functools import partial
from typing import Any

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.template.loader import render_to_string
from django.utils import timezone
from django.utils.safestring import SafeString
from django.utils.translation import gettext
from django.views.decorators.http import require_POST, require_safe

from billing.mail import queries as mail_queries
from billing.mail import recipients
from billing.mail import resolve as mail_resolve
from billing.mail.queries import DIGEST, REMINDER, AnyMail, MailFilter
from billing.mail.staff_presenters import (
    MailRow,
    as_row,
    find_planned,
    mail_rows,
    next_rows,
    style_sources,
)
from billing.models import Reminder, StatementMail
from billing.reminders import plan as reminder_plan
from billing.reminders import send as reminder_send
from billing.staff.mail_rows import rendered_rows
from billing.staff.visit_views import record_visit
from billing.statements import send_mails as statement_mails
from portal.accounts.caller import Permission
from portal.db import unit_of_work
from portal.errors import Refused
from portal.forms import ReasonForm, first_error
from portal.http.middleware import PortalRequest
from portal.mail import switch as mail_switch
from portal.mail.file_backend import mail_folder
from portal.mail.outbox import WrittenMail
from portal.models import User
from portal.pages.filters import known_value
from portal.pages.paging import capped_text

# Mails on one page: short enough to scroll through.
MAILS_A_PAGE = 50

# Planned mails on the page: enough to check the plan.
NEXT_SHOWN = 50

# The name of the list of planned mails, beside the kinds of stored ones.
NEXT = "next"


@require_safe
def mails(request: PortalRequest) -> HttpResponse:
    """List the mails of a kind, or those that are sent next."""
    now = timezone.now()
    kind = known_value(request, "kind", {*mail_queries.MODELS, NEXT}) or REMINDER
    state = known_value(request, "told", set(MailFilter))
    with unit_of_work.acting_for(unit_of_work.STAFF):
        permission = mail_switch.send_permission()
        stop = mail_switch.current_stop() if permission.held else None
        shown = _upcoming(now) if kind == NEXT else _listed(request, kind, state)
    may_act = Permission.STAFF_ACT in request.caller.permissions
    if kind != NEXT:
        actions = partial(mail_actions, request, kind) if may_act else no_actions
        shown["lines"] = rendered_rows(shown["rows"], kind, actions=actions)
    shown |= {
        "kind": kind,
        "told": state,
        "held": permission.held,
        "stop": stop,
        "gets_digest": isinstance(request.user, User) and request.user.gets_digest,
        "folder": mail_folder(),
        "may_act": may_act,
    }
    return render(request, "billing/staff/mail.html", shown)


def mail_actions(request: PortalRequest, kind: str, row: MailRow) -> SafeString:
    """Render the buttons of a mail that waits for a person."""
    if not (row.is_unsure or row.is_failed):
        return SafeString()
    shown = {"row": row, "kind": kind}
    return render_to_string("billing/staff/mail-actions.html", shown, request)


def no_actions(_row: MailRow) -> SafeString:
    return SafeString()


def _upcoming(now: datetime) -> dict[str, Any]:
    planned = reminder_plan.preview_reminders(at=now, most=NEXT_SHOWN)
    return {"coming": next_rows(planned)}


def _listed(request: PortalRequest, kind: str, state: str) -> dict[str, Any]:
    counts, page = mail_queries.load_page(
        kind, state, request.GET.get("page"), size=MAILS_A_PAGE
    )
    return {
        "page": page,
        "rows": mail_rows(page.rows),
        "counts": {name or "all": capped_text(count) for name, count in counts.items()},
        "has_failed": counts[MailFilter.FAILED] > 0,
    }


@require_safe
def mail(request: PortalRequest, kind: str, mail_id: int) -> HttpResponse:
    """Show one mail as it was sent, or as it would be sent now."""
    now = timezone.now()
    with unit_of_work.acting_for(unit_of_work.STAFF, reading=True):
        found = mail_queries.find(kind, mail_id)
        rows = mail_rows([found] if found else [])
    if found is None:
        raise Refused("not-found")
    # Digests and mails about accounts are about no tenant.
    if tenant_id := getattr(found, "tenant_id", None):
        record_visit(request, tenant_id=tenant_id)
    draft = _draft(found, now)
    content = {"subject": found.subject, "text": found.text, "html": found.html}
    shown = {
        "kind": kind,
        "row": rows[0],
        "content": draft.columns if draft else content,
        "is_draft": draft is not None,
        "may_act": Permission.STAFF_ACT in request.caller.permissions,
    }
    return _rendered(request, shown)


def _draft(mail: AnyMail, now: datetime) -> WrittenMail | None:
    """Return a waiting mail as it would be sent now; None if that is not shown."""
    if mail.shown_state != MailFilter.WAITING:
        return None
    match mail:
        case Reminder():
            return reminder_send.draft(mail, at=now)
        case StatementMail():
            return statement_mails.draft(mail)
    return None


@require_safe
def planned_mail(request: PortalRequest) -> HttpResponse:
    """Show a planned mail as it would be sent then; nothing is stored."""
    now = timezone.now()
    with unit_of_work.acting_for(unit_of_work.STAFF):
        planned = reminder_plan.preview_reminders(at=now, most=NEXT_SHOWN)
        found = find_planned(planned, request.GET.dict())
        if found is None:
            raise Refused("not-found")
        row = as_row(found)
        rows = mail_rows([row])
    content = reminder_send.draft(row, at=found.at).columns
    shown = {"kind": REMINDER, "row": rows[0], "content": content, "is_next": True}
    return _rendered(request, shown)


def _rendered(request: PortalRequest, shown: dict[str, Any]) -> HttpResponse:
    response = render(request, "billing/staff/mail-message.html", shown)
    # The frame that shows the mail inherits the page's content security policy.
    sources = ["'unsafe-hashes'", *style_sources(shown["content"]["html"])]
    response._csp_update = {"style-src": sources}  # type: ignore[attr-defined]  # django-csp's way
    return response


@require_POST
def send_again(request: PortalRequest, kind: str, mail_id: int) -> HttpResponse:
    """Queue a mail again that may not have arrived."""
    now = timezone.now()
    done = mail_resolve.send_again(kind, mail_id, by=request.caller.name, at=now)
    text = gettext("It goes within a minute, if it is still true.")
    return _answer(request, kind, text if done else "")


@require_POST
def mark_arrived(request: PortalRequest, kind: str, mail_id: int) -> HttpResponse:
    """Mark an unsure mail as arrived."""
    now = timezone.now()
    done = mail_resolve.mark_arrived(kind, mail_id, by=request.caller.name, at=now)
    return _answer(request, kind, gettext("It counts as sent.") if done else "")


@require_POST
def stop(request: PortalRequest) -> HttpResponse:
    """Stop all mail that nobody has requested."""
    now = timezone.now()
    reason = _reason(request)
    if reason:
        with unit_of_work.acting_for(unit_of_work.STAFF):
            mail_switch.stop(reason=reason, by=request.caller.name, at=now)
        messages.success(
            request, gettext("No mail goes out until somebody lets it go again.")
        )
    return redirect("staff-mail")


@require_POST
def resume(request: PortalRequest) -> HttpResponse:
    """Resume sending mail."""
    now = timezone.now()
    reason = _reason(request)
    if reason:
        with unit_of_work.acting_for(unit_of_work.STAFF):
            mail_switch.resume(reason=reason, by=request.caller.name, at=now)
        messages.success(request, gettext("Mail goes out again."))
    return redirect("staff-mail")


@require_POST
def choose_digest(request: PortalRequest) -> HttpResponse:
    """Set whether the caller gets the daily digest."""
    wanted = request.POST.get("wanted") == "yes"
    with unit_of_work.acting_for(unit_of_work.STAFF):
        recipients.choose_digest(_person(request), wanted=wanted)
    text = gettext("You get no digest any more.")
    if wanted:
        text = gettext("You get the digest every morning.")
    messages.success(request, text)
    return redirect("staff-mail")


def _person(request: PortalRequest) -> int:
    """Return the caller's user id; staff are people, never tokens."""
    return request.caller.user_id or 0


def _reason(request: PortalRequest) -> str:
    form = ReasonForm(request.POST)
    if form.is_valid():
        reason: str = form.cleaned_data["reason"]
        return reason
    messages.error(
        request, gettext("Say why: %(error)s") % {"error": first_error(form)}
    )
    return ""


def _answer(request: PortalRequest, kind: str, text: str) -> HttpResponse:
    if text:
        messages.success(request, text)
    else:
        messages.error(request, gettext("Nothing was done: its state has changed."))
    # A digest has no such actions, and any other value is no kind.
    kind = kind if kind in mail_queries.MODELS and kind != DIGEST else REMINDER
    response = redirect("staff-mail")
    response["Location"] += f"?kind={kind}"
    return response
