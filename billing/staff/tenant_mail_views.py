"""View of the tab *Mail* of a tenant: the mails that its people got, or will get."""

from functools import partial

from django.http import HttpResponse
from django.views.decorators.http import require_safe

from billing.mail import queries as mail_queries
from billing.mail.queries import REMINDER, MailFilter
from billing.mail.staff_presenters import mail_rows
from billing.staff import tenant_head
from billing.staff.mail_rows import rendered_rows, without_tenant
from billing.staff.mail_views import MAILS_A_PAGE, mail_actions, no_actions
from billing.staff.tab_views import load_head, render_tab
from portal.accounts.caller import Permission
from portal.db import unit_of_work
from portal.http.middleware import PortalRequest
from portal.pages.filters import known_value
from portal.pages.paging import capped_text

# The digest is about all tenants, mails about accounts about none.
_KINDS = [kind for kind in mail_queries.MODELS if kind not in mail_queries.OF_NO_TENANT]


@require_safe
def tenant_mails(request: PortalRequest, number: str) -> HttpResponse:
    """List a tenant's mails of a kind and state, the newest first."""
    kind = known_value(request, "kind", _KINDS) or REMINDER
    state = known_value(request, "told", set(MailFilter))
    shown, tenant = load_head(number, tenant_head.MAIL)
    # In a unit of work of the tenant, lists and counts are of its own mails alone.
    with unit_of_work.acting_for(tenant.pk, reading=True):
        counts, page = mail_queries.load_page(
            kind, state, request.GET.get("page"), size=MAILS_A_PAGE
        )
        rows = without_tenant(mail_rows(page.rows))
    may_act = Permission.STAFF_ACT in request.caller.permissions
    actions = partial(mail_actions, request, kind) if may_act else no_actions
    shown |= {
        "kind": kind,
        "told": state,
        "page": page,
        "counts": {name or "all": capped_text(count) for name, count in counts.items()},
        "has_failed": counts[MailFilter.FAILED] > 0,
        "lines": rendered_rows(rows, kind, actions=actions),
    }
    return render_tab(request, "billing/staff/tenant-mail.html", shown)
