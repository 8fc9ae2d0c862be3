"""Addresses of what is owed; `portal.http.permissions` says who may open each."""

from django.urls import include, path

from billing import asking_views, calendar_views, people_views, views

urlpatterns = [
    path("staff/", include("billing.staff.urls")),
    path("upload", views.upload_page, name="upload-page"),
    path("excuses", asking_views.excuses_page, name="excuses-page"),
    path("excuses/ask", asking_views.ask_excuse, name="excuses-ask"),
    path("excuses/withdraw", asking_views.withdraw_excuse, name="excuses-withdraw"),
    path("upload/receipt-mail", people_views.mail_receipt, name="receipt-mail"),
    path("people", people_views.people, name="people-page"),
    path("people/own-mails", people_views.choose_own_mails, name="people-own-mails"),
    path("people/mails", people_views.choose_mails, name="people-mails"),
    path("people/late-contact", people_views.set_contact, name="people-escalation"),
    path("people/calendar", people_views.make_calendar, name="people-calendar"),
    path(
        "calendar/<str:secret>.ics", calendar_views.calendar_feed, name="calendar-feed"
    ),
    path("licences", asking_views.licences_page, name="licences-page"),
    path("licences/ask", asking_views.ask_licences, name="licences-ask"),
    path("licences/withdraw", asking_views.withdraw_licences, name="licences-withdraw"),
]
