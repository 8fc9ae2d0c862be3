"""Addresses of what is owed; what each asks for stands in `portal.registry.DOORS`."""

from django.urls import include, path

from billing import views

urlpatterns = [
    path("staff/", include("billing.staff.urls")),
    path("upload", views.upload_page, name="upload-page"),
]
