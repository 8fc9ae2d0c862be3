"""URLs of the staff pages; `portal.http.endpoints` has the required permissions."""

from django.urls import path

from billing.desk import bulk_views
from billing.desk import views as desk_views
from billing.staff import (
    key_views,
    late_views,
    mail_views,
    note_views,
    people_views,
    request_views,
    review_views,
    tab_views,
    tenant_action_views,
    tenant_mail_views,
    tenant_views,
    token_views,
    undecided_views,
    zone_views,
)
from billing.staff.visit_views import recorded
from billing.statements import catalogue_views
from billing.statements import day_views as statement_day_views
from billing.statements import staff_views as statement_staff_views
from usage.forwarding import staff_views as forwarding_staff_views
from usage.inbox import staff_views as inbox_staff_views

_PATTERNS = [
    path("", desk_views.billing_desk, name="staff-desk"),
    path("desk.csv", desk_views.desk_csv, name="staff-desk-csv"),
    path("selected", bulk_views.selected, name="staff-selected"),
    path("tenants", tenant_views.tenants, name="staff-tenants"),
    path("open-tenant", tenant_views.open_tenant, name="staff-open-tenant"),
    path("tenants/<str:number>", tab_views.period, name="staff-tenant"),
    path(
        "tenants/<str:number>/to-decide", tab_views.decide, name="staff-tenant-decide"
    ),
    path(
        "tenants/<str:number>/files",
        tenant_views.tenant_files,
        name="staff-tenant-files",
    ),
    path(
        "tenants/<str:number>/servers", tab_views.servers, name="staff-tenant-servers"
    ),
    path(
        "tenants/<str:number>/automation",
        tab_views.automation,
        name="staff-tenant-automation",
    ),
    path(
        "tenants/<str:number>/people", people_views.people, name="staff-tenant-people"
    ),
    path(
        "tenants/<str:number>/mail",
        tenant_mail_views.tenant_mails,
        name="staff-tenant-mail",
    ),
    path(
        "tenants/<str:number>/settings",
        tab_views.settings,
        name="staff-tenant-settings",
    ),
    path("tenants/<str:number>/notes", note_views.notes, name="staff-tenant-notes"),
    path(
        "tenants/<str:number>/notes/<int:note_id>",
        note_views.correct_note,
        name="staff-correct-note",
    ),
    path(
        "tenants/<str:number>/notes/<int:note_id>/withdraw",
        note_views.withdraw_note,
        name="staff-withdraw-note",
    ),
    path(
        "tenants/<str:number>/history", tab_views.history, name="staff-tenant-history"
    ),
    path(
        "tenants/<str:number>/key",
        tenant_action_views.issue_key,
        name="staff-issue-key",
    ),
    path(
        "tenants/<str:number>/set-up",
        tenant_action_views.hand_over,
        name="staff-hand-over",
    ),
    path(
        "tenants/<str:number>/people/invite",
        people_views.invite_admin,
        name="staff-invite",
    ),
    path(
        "tenants/<str:number>/people/invitations/<int:invitation_id>/again",
        people_views.send_again,
        name="staff-invite-again",
    ),
    path(
        "tenants/<str:number>/people/invitations/<int:invitation_id>/withdraw",
        people_views.withdraw,
        name="staff-invite-withdraw",
    ),
    path(
        "tenants/<str:number>/tokens/<int:token_id>/revoke",
        token_views.revoke_token,
        name="staff-revoke-token",
    ),
    path(
        "tenants/<str:number>/tokens/new",
        token_views.new_token,
        name="staff-new-token",
    ),
    path(
        "tenants/<str:number>/server-keys/<int:key_id>/confirm",
        tenant_action_views.confirm_key,
        name="staff-confirm-key",
    ),
    path(
        "tenants/<str:number>/server-keys/<int:key_id>",
        key_views.server_key,
        name="staff-server-key",
    ),
    path(
        "tenants/<str:number>/server-keys/<int:key_id>/refuse",
        key_views.refuse_key,
        name="staff-refuse-key",
    ),
    path(
        "tenants/<str:number>/server-keys/<int:key_id>/revoke",
        key_views.revoke_key,
        name="staff-revoke-key",
    ),
    path(
        "tenants/<str:number>/sealing-keys/<int:key_id>/retire",
        key_views.retire_key,
        name="staff-retire-key",
    ),
    path(
        "tenants/<str:number>/requests/<int:request_id>/approve",
        tenant_action_views.approve_request,
        name="staff-approve-request",
    ),
    path(
        "tenants/<str:number>/requests/<int:request_id>/refuse",
        tenant_action_views.refuse_request,
        name="staff-refuse-request",
    ),
    path(
        "tenants/<str:number>/licences",
        request_views.set_licences,
        name="staff-set-licences",
    ),
    path(
        "tenants/<str:number>/licence-requests/<int:request_id>/approve",
        request_views.approve_licences,
        name="staff-approve-licences",
    ),
    path(
        "tenants/<str:number>/licence-requests/<int:request_id>/refuse",
        request_views.refuse_licences,
        name="staff-refuse-licences",
    ),
    path(
        "tenants/<str:number>/excuses/<int:excuse_id>/approve",
        request_views.approve_excuse,
        name="staff-approve-excuse",
    ),
    path(
        "tenants/<str:number>/excuses/<int:excuse_id>/refuse",
        request_views.refuse_excuse,
        name="staff-refuse-excuse",
    ),
    path(
        "tenants/<str:number>/upload", tenant_action_views.upload, name="staff-upload"
    ),
    path(
        "tenants/<str:number>/statements/<str:period>/days/<str:day>",
        statement_day_views.staff_day,
        name="staff-statement-day",
    ),
    path(
        "tenants/<str:number>/statements/<str:period>",
        statement_staff_views.statement,
        name="staff-statement",
    ),
    path(
        "tenants/<str:number>/statements/<str:period>/issue",
        statement_staff_views.issue_statement,
        name="staff-issue-statement",
    ),
    path("month-end", statement_staff_views.month_end_page, name="staff-month-end"),
    path(
        "month-end/run",
        statement_staff_views.start_month_end,
        name="staff-month-end-run",
    ),
    path("catalogue", catalogue_views.catalogue_page, name="staff-catalogue"),
    path("catalogue/classify", catalogue_views.classify, name="staff-classify"),
    path("late", late_views.late, name="staff-late"),
    path("late.csv", late_views.late_csv, name="staff-late-csv"),
    path("late/undecided", undecided_views.undecided, name="staff-undecided"),
    path("late/<str:period>/release", undecided_views.release, name="staff-release"),
    path(
        "tenants/<str:number>/flags/<int:flag_id>/waive",
        late_views.waive,
        name="staff-waive",
    ),
    path(
        "tenants/<str:number>/flags/<int:flag_id>/decide",
        late_views.decide,
        name="staff-decide",
    ),
    path("tenants/<str:number>/extend", late_views.extend, name="staff-extend"),
    path(
        "tenants/<str:number>/correct-zone",
        zone_views.correct_zone,
        name="staff-correct-zone",
    ),
    path("tenants/<str:number>/zone", zone_views.change_zone, name="staff-change-zone"),
    path("inbox", inbox_staff_views.inbox, name="staff-inbox"),
    path(
        "inbox/<int:object_id>/retry", inbox_staff_views.retry, name="staff-retry-inbox"
    ),
    path(
        "inbox/mails/<int:notice_id>/retry",
        inbox_staff_views.retry_mails,
        name="staff-retry-inbox-mails",
    ),
    path("mail", mail_views.mails, name="staff-mail"),
    path("mail/next", mail_views.planned_mail, name="staff-mail-next"),
    path("mail/stop", mail_views.stop, name="staff-mail-stop"),
    path("mail/go-on", mail_views.resume, name="staff-mail-go-on"),
    path("mail/digest", mail_views.choose_digest, name="staff-mail-digest"),
    path("mail/<slug:kind>/<int:mail_id>", mail_views.mail, name="staff-mail-one"),
    path(
        "mail/<slug:kind>/<int:mail_id>/again",
        mail_views.send_again,
        name="staff-mail-again",
    ),
    path(
        "mail/<slug:kind>/<int:mail_id>/arrived",
        mail_views.mark_arrived,
        name="staff-mail-arrived",
    ),
    path("held", review_views.held, name="staff-held"),
    path("held/<uuid:file_id>", review_views.held_file, name="staff-held-file"),
    path("held/<uuid:file_id>/day", review_views.assign_day, name="staff-assign-day"),
    path("held/<uuid:file_id>/refuse", review_views.refuse, name="staff-refuse-file"),
    path(
        "held/<uuid:file_id>/signature",
        review_views.accept_signature,
        name="staff-accept-signature",
    ),
    path("held/<uuid:file_id>/choose", review_views.choose, name="staff-choose-file"),
    path("held/<uuid:file_id>/both", review_views.keep_both, name="staff-keep-both"),
    path("held/<uuid:file_id>/reopen", review_views.reopen, name="staff-reopen-file"),
    path("forwarding", forwarding_staff_views.forwarding, name="staff-forwarding"),
    path(
        "forwarding/retry", forwarding_staff_views.retry, name="staff-forwarding-retry"
    ),
    path(
        "forwarding/retry-all",
        forwarding_staff_views.retry_all,
        name="staff-forwarding-retry-all",
    ),
]

urlpatterns = recorded(_PATTERNS)
