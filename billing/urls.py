"""URLs of billing; `portal.http.endpoints` has the required permissions."""

from django.urls import include, path
from django.views.generic import RedirectView

from billing import views
from billing.deadline_feed import views as deadline_feed_views
from billing.mail import contact_views
from billing.mail import views as mail_views
from billing.requests import views as request_views
from billing.statements import day_views as statement_day_views
from billing.statements import views as statement_views

urlpatterns = [
    path("staff/", include("billing.staff.urls")),
    path("upload", views.upload_page, name="upload-page"),
    path("periods/<str:period>/dismiss", views.dismiss_period, name="period-dismiss"),
    path("periods/<str:period>/receipt", views.period_receipt, name="period-receipt"),
    path("billing-data", statement_views.statements, name="statements-page"),
    path("billing-data/<str:period>", statement_views.statement, name="statement-page"),
    path(
        "billing-data/<str:period>/days/<str:day>",
        statement_day_views.day,
        name="statement-day",
    ),
    path(
        "billing-data/<str:period>/days/<str:day>/users",
        statement_day_views.users,
        name="statement-users",
    ),
    path("staff", RedirectView.as_view(pattern_name="staff-desk"), name="staff-start"),
    path("excuses", request_views.excuses_page, name="excuses-page"),
    path("excuses/ask", request_views.request_excuse, name="excuses-ask"),
    path("excuses/withdraw", request_views.withdraw_excuse, name="excuses-withdraw"),
    path("upload/receipt-mail", mail_views.mail_receipt, name="receipt-mail"),
    path("people", mail_views.people, name="people-page"),
    path("people/own-mails", mail_views.choose_own_mails, name="people-own-mails"),
    path("people/mails", mail_views.choose_mails, name="people-mails"),
    path("people/late-contact", contact_views.set_contact, name="people-escalation"),
    path(
        "late-contact/<str:secret>",
        contact_views.confirm_contact,
        name="confirm-contact",
    ),
    path("people/calendar", mail_views.make_calendar, name="people-calendar"),
    path(
        "calendar/<str:secret>.ics",
        deadline_feed_views.calendar_feed,
        name="calendar-feed",
    ),
    path("licences", request_views.licences_page, name="licences-page"),
    path("licences/ask", request_views.request_licences, name="licences-ask"),
    path(
        "licences/withdraw", request_views.withdraw_licences, name="licences-withdraw"
    ),
]
