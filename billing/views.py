"""The upload page: shows what is missing, and receives files without script."""

from datetime import date, datetime
from typing import Any

from django.conf import settings
from django.http import HttpResponse
from django.http.response import HttpResponseBase
from django.shortcuts import redirect, render
from django.utils import timezone
from django.utils.dateparse import parse_date
from django.views.decorators.http import require_http_methods, require_POST

from billing.calendar_view import table as calendar_table
from billing.coverage.periods import Period
from billing.periods import completed, dismiss
from billing.periods import queries as period_queries
from billing.periods import text as period_text
from billing.periods.headline import Reader
from billing.periods.text import reader_of
from billing.periods.urgent import urgent_periods
from billing.requests import excuses
from billing.requests.presenters import missing_rows
from portal.accounts.caller import Permission
from portal.db import unit_of_work
from portal.errors import Refused
from portal.http.downloads import with_retry_after
from portal.http.middleware import PortalRequest
from portal.http.request_time import received_at
from usage.files import queries as usage_queries
from usage.files.text import file_text
from usage.receipts.views import receipt_of_days
from usage.upload_runs import presenters as upload_presenters
from usage.uploads import form_upload, quota, results
from usage.uploads.failure_text import FAILURES

# Sent as X-Part by the page's own script, which loads only that part.
_PART = "period"


@require_http_methods(["GET", "POST"])
def upload_page(request: PortalRequest) -> HttpResponse:
    """Show a period, and receive files from browsers without script."""
    now = timezone.now()
    result = _receive(request, at=now) if request.method == "POST" else {}
    opened = _opened(request)
    with unit_of_work.acting_for(request.caller.tenant, reading=True):
        view = _requested_period(request, at=now)
        behind = usage_queries.kept_of_day(*opened) if opened else []
        to_confirm = usage_queries.servers_to_confirm()
        also_late = period_text.other_late_lines(view.period, at=now)
        open_excuses = list(excuses.open_excuses())
        waiting = quota.count_waiting()
        last_upload = upload_presenters.last_upload(
            request.caller.name, zone=view.zone, at=now
        )
    lacks = calendar_table.missing_entries(
        view.judgement.calendar, to_confirm=to_confirm
    )
    shown = {
        **_shown(view, reader_of(request.caller), opened=opened, at=now),
        "lacks": missing_rows(lacks, open_excuses),
        "waiting_files": waiting if waiting.is_full else None,
        "has_to_confirm": bool(to_confirm),
        "also_late": also_late,
        "files_behind": [file_text(file) for file in behind],
        "may_upload": Permission.UPLOAD in request.caller.permissions,
        "may_manage": Permission.MANAGE in request.caller.permissions,
        **result,
        "last_upload": last_upload,
        "completed": completed.completed_text(
            view, last_upload["days"] if last_upload else (), at=now
        ),
        "failure_texts": FAILURES,
        "end": form_upload.END,
        "max_file_bytes": settings.MAX_FILE_BYTES,
    }
    is_part = request.headers.get("X-Part") == _PART
    template = "billing/periods/parts.html" if is_part else "billing/upload.html"
    return render(request, template, shown)


@require_POST
def dismiss_period(request: PortalRequest, period: str) -> HttpResponse:
    """Dismiss a complete period, so that the running one is shown first."""
    with unit_of_work.acting_for(request.caller.tenant):
        dismiss.dismiss_period(request.caller, _parse_period(period))
    return redirect("home")


@with_retry_after
def period_receipt(request: PortalRequest, period: str) -> HttpResponseBase:
    """Return the receipt of a period's accepted files; `format` as for all receipts."""
    found = _parse_period(period)
    with unit_of_work.acting_for(request.caller.tenant, reading=True):
        view = period_queries.view_period(found, at=timezone.now())
    about = period_text.covered_text(view)
    return receipt_of_days(request, found.starts_on, found.ends_on, about=about)


def _receive(request: PortalRequest, *, at: datetime) -> dict[str, Any]:
    """Receive the files of a plain form, and return what the page shows of it."""
    sender = form_upload.Sender(
        tenant_id=request.caller.tenant,
        name=request.caller.name,
        received_at=received_at(request, at=at),
    )
    # The files are read first: only then can it be seen whether the form is whole.
    outcomes = form_upload.receive_all(request.FILES, sender)
    return results.form_result(outcomes, is_cut=form_upload.is_cut(request.POST))


def _requested_period(
    request: PortalRequest, *, at: datetime
) -> period_queries.PeriodView:
    name = request.GET.get("period")
    if name is None:
        dismissed = dismiss.dismissed_period(request.caller)
        return urgent_periods(at=at, dismissed=dismissed).first
    return period_queries.view_period(_parse_period(name), at=at)


def _parse_period(name: str) -> Period:
    try:
        return Period.parse(name)
    except ValueError as error:
        raise Refused("period-invalid") from error


def _opened(request: PortalRequest) -> tuple[str, date] | None:
    server, text = request.GET.get("server"), request.GET.get("day", "")
    try:
        day = parse_date(text)
    except ValueError:
        return None
    return (server, day) if server and day else None


def _shown(
    view: period_queries.PeriodView,
    reader: Reader,
    *,
    opened: tuple[str, date] | None,
    at: datetime,
) -> dict[str, Any]:
    calendar = view.judgement.calendar
    return {
        "view": view,
        "period": view.period,
        "text": period_text.period_text(view, at=at, reader=reader),
        "months": calendar_table.months(view.period),
        "heads": calendar_table.day_heads(view.period),
        "rows": calendar_table.sheet_rows(calendar, opened=opened),
        "behind": calendar_table.cell_details(calendar, opened),
        "legend": calendar_table.legend(calendar),
    }
