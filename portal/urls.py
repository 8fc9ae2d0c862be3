"""URL routes of all apps; `portal.http.endpoints` lists who may use each."""

from django.urls import include, path
from django.views.generic import TemplateView

from portal.accounts import views as account_views
from portal.api import api
from portal.health import views as health_views
from portal.history import staff_views as history_staff_views
from portal.history import views as history_views
from portal.http.request_time import with_receipt
from portal.pages import home
from portal.second_factor import (
    confirm_views,
    manage_views,
    set_up_views,
    sign_in_views,
)
from portal.security_pages import member_views, staff_views
from portal.security_pages import views as security_views

handler400 = "portal.pages.home.bad_request"
handler404 = "portal.pages.home.not_found"
handler429 = "portal.pages.home.too_many_requests"  # looked up by allauth
handler500 = "portal.pages.home.server_error"

urlpatterns = [
    path("", home.home, name="home"),
    path("favicon.ico", home.favicon, name="favicon"),
    path("healthz", with_receipt(health_views.healthz), name="healthz"),
    path("readyz", health_views.readyz, name="readyz"),
    path("metrics", health_views.metrics_text, name="metrics"),
    path("sign-in", account_views.SignIn.as_view(), name="sign-in"),
    path("signed-in", home.signed_in, name="signed-in"),
    path(
        "sign-in/passkey/options",
        sign_in_views.sign_in_options,
        name="sign-in-passkey-options",
    ),
    path("sign-in/passkey", sign_in_views.sign_in_by_passkey, name="sign-in-passkey"),
    path("second-factor", sign_in_views.second_factor, name="second-factor"),
    path(
        "second-factor/options",
        sign_in_views.passkey_options,
        name="second-factor-options",
    ),
    path("second-factor/set-up", set_up_views.set_up, name="second-factor-set-up"),
    path(
        "second-factor/set-up/app",
        set_up_views.set_up_app,
        name="second-factor-set-up-app",
    ),
    path(
        "second-factor/set-up/passkey",
        set_up_views.set_up_passkey,
        name="second-factor-set-up-passkey",
    ),
    path(
        "second-factor/set-up/passkey/options",
        set_up_views.set_up_passkey_options,
        name="second-factor-set-up-options",
    ),
    path("second-factor/manage", manage_views.manage, name="second-factor-manage"),
    path(
        "second-factor/recovery-codes",
        set_up_views.renew_codes,
        name="second-factor-codes",
    ),
    path(
        "second-factor/remove",
        manage_views.remove_factor,
        name="second-factor-remove",
    ),
    path(
        "second-factor/rename",
        manage_views.rename_passkey,
        name="second-factor-rename",
    ),
    path("confirm", confirm_views.confirm, name="confirm-identity"),
    path(
        "confirm/options",
        confirm_views.confirm_options,
        name="confirm-identity-options",
    ),
    path("sign-out", account_views.SignOut.as_view(), name="sign-out"),
    path("forgotten", account_views.Forgotten.as_view(), name="forgotten"),
    path(
        "forgotten/sent",
        TemplateView.as_view(template_name="portal/accounts/forgotten-sent.html"),
        name="forgotten-sent",
    ),
    path(
        "new-password/<str:uidb36>/<str:key>",
        account_views.NewPassword.as_view(),
        name="new-password",
    ),
    path(
        "change-password",
        account_views.ChangePassword.as_view(),
        name="change-password",
    ),
    path("switch", home.switch, name="switch"),
    path("people/history", history_views.history, name="history-page"),
    path("people/history/list.csv", history_views.history_csv, name="history-csv"),
    path(
        "staff/audit-trail",
        history_staff_views.audit_trail,
        name="staff-audit-trail",
    ),
    path(
        "staff/audit-trail/list.csv",
        history_staff_views.audit_trail_csv,
        name="staff-audit-trail-csv",
    ),
    path("", include("portal.people.urls")),
    path("sessions", security_views.sessions, name="sessions-page"),
    path("sessions/end", security_views.end_session, name="sessions-end"),
    path("security-events", security_views.events, name="security-events"),
    path("people/security-events", member_views.events, name="member-events"),
    path(
        "people/<int:user_id>/sessions", member_views.sessions, name="member-sessions"
    ),
    path(
        "people/<int:user_id>/sessions/end",
        member_views.end_session,
        name="member-sessions-end",
    ),
    path("staff/security-events", staff_views.events, name="staff-events"),
    path("staff/security-events.csv", staff_views.events_csv, name="staff-events-csv"),
    path(
        "staff/people/<int:user_id>/sessions",
        staff_views.sessions,
        name="staff-person-sessions",
    ),
    path(
        "staff/people/<int:user_id>/sessions/end",
        staff_views.end_session,
        name="staff-person-sessions-end",
    ),
    path("", include("usage.urls")),
    path("", include("billing.urls")),
    path("api/v1/", api.urls),
]
