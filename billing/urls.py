"""Addresses of what is owed; what each asks for stands in `portal.registry.DOORS`."""

from django.urls import include, path

from billing import asking_views, views

urlpatterns = [
    path("staff/", include("billing.staff.urls")),
    path("upload", views.upload_page, name="upload-page"),
    path("excuses", asking_views.excuses_page, name="excuses-page"),
    path("excuses/ask", asking_views.ask_excuse, name="excuses-ask"),
    path("excuses/withdraw", asking_views.withdraw_excuse, name="excuses-withdraw"),
    path("licences", asking_views.licences_page, name="licences-page"),
    path("licences/ask", asking_views.ask_licences, name="licences-ask"),
    path("licences/withdraw", asking_views.withdraw_licences, name="licences-withdraw"),
]
