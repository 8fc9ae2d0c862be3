"""Views of tenants for staff: the list, the form to open one, the pages of each."""

from typing import Any
from uuid import UUID

from django.contrib import messages
from django.core.exceptions import ValidationError
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.utils import timezone
from django.utils.translation import gettext
from django.views.decorators.http import require_http_methods, require_safe

from billing.desk.forms import search_text
from billing.onboarding.enrol import EnrolledCustomer, enrol
from billing.staff import tenant_head
from billing.staff.forms import OpenTenantForm
from billing.staff.tab_views import load_head, render_tab
from billing.staff.tenant_rows import rendered_rows
from portal.accounts.caller import Permission
from portal.db import unit_of_work
from portal.errors import Refused, error_document
from portal.http.middleware import PortalRequest
from portal.mail.file_backend import mail_folder
from portal.pages.filters import known_value
from portal.people.invite import inviter_of
from portal.typed_text.clean import isolated
from usage.files import queries as file_queries
from usage.files import staff_presenters as file_staff_presenters
from usage.files import staff_queries as file_staff_queries
from usage.models import FileState, How, Server

# Tenants, and files, on one page: short enough to scroll through.
TENANTS_A_PAGE = 50
FILES_A_PAGE = 100

# The form field beside which a refusal is shown.
_FIELDS = {"tenant-exists": "number", "zone-unknown": "zone"}


@require_safe
def tenants(request: PortalRequest) -> HttpResponse:
    search = search_text(request.GET.get("q", ""))
    with unit_of_work.acting_for(unit_of_work.STAFF, reading=True):
        page = file_staff_queries.tenants(
            search, request.GET.get("page"), size=TENANTS_A_PAGE
        )
    shown = {"q": search, "page": page, "rows": rendered_rows(page.rows)}
    return render(request, "billing/staff/tenants.html", _with_rights(request, shown))


@require_http_methods(["GET", "POST"])
def open_tenant(request: PortalRequest) -> HttpResponse:
    """Show the form for a new tenant, and open the tenant."""
    is_sent = request.method == "POST"
    form = OpenTenantForm(request.POST if is_sent else None)
    if is_sent and form.is_valid():
        enrolled = _enrol(request, form)
        if enrolled is not None:
            return redirect("staff-tenant", number=enrolled.tenant.number)
    status = 422 if form.errors else 200
    shown = _with_rights(request, {"form": form})
    return render(request, "billing/onboarding/open-tenant.html", shown, status=status)


def _enrol(request: PortalRequest, form: OpenTenantForm) -> EnrolledCustomer | None:
    now = timezone.now()
    try:
        enrolled = enrol(form.new_customer(), by=inviter_of(request.caller), at=now)
    except Refused as refusal:
        _, document = error_document(refusal)
        text = f"{document['title']} {document['advice']}"
        form.add_error(_FIELDS.get(refusal.code), text)
        return None
    except ValidationError as error:
        form.add_error(None, error.messages)
        return None
    shown = {
        "name": isolated(enrolled.tenant.name),
        "address": enrolled.invitation.address,
    }
    text = gettext("%(name)s is open. An invitation is on its way to %(address)s.")
    messages.success(request, text % shown)
    folder = mail_folder()
    if folder is not None:
        text = gettext("No mail server is set: the mail with the link is a file in %s.")
        messages.info(request, text % folder)
    return enrolled


@require_safe
def tenant_files(request: PortalRequest, number: str) -> HttpResponse:
    """List all files of a tenant, newest first, with filters."""
    head, found = load_head(number, tenant_head.FILES)
    with unit_of_work.acting_for(found.pk, reading=True):
        servers = list(Server.objects.order_by("name").values_list("name", flat=True))
        wanted = file_queries.FileFilter(
            state=known_value(request, "state", FileState.values) or None,
            how=known_value(request, "how", How.values) or None,
            server=known_value(request, "server", servers) or None,
        )
        files = file_queries.files(
            wanted, after=_uuid(request.GET.get("after")), most=FILES_A_PAGE + 1
        )
    kept = request.GET.copy()
    kept.pop("after", None)
    shown = {
        **head,
        "files": [
            file_staff_presenters.file_row(file) for file in files[:FILES_A_PAGE]
        ],
        "after": files[FILES_A_PAGE - 1].pk if len(files) > FILES_A_PAGE else None,
        "is_first": "after" not in request.GET,
        "kept": kept.urlencode(),
        "wanted": wanted,
        "servers": servers,
        "states": FileState.choices,
        "ways": How.choices,
    }
    return render_tab(request, "billing/staff/files.html", shown)


def _with_rights(request: PortalRequest, shown: dict[str, Any]) -> dict[str, Any]:
    return {**shown, "may_act": Permission.STAFF_ACT in request.caller.permissions}


def _uuid(text: str | None) -> UUID | None:
    try:
        return UUID(text or "")
    except ValueError:
        return None
