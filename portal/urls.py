"""All addresses; what each one asks for stands in `portal.doors.DOORS`."""

from django.contrib.auth import views as auth
from django.urls import path

from portal import views
from portal.api import api

handler400 = "portal.views.malformed"
handler500 = "portal.views.failed"

urlpatterns = [
    path("", views.home, name="home"),
    path("healthz", views.healthz, name="healthz"),
    path(
        "sign-in",
        auth.LoginView.as_view(
            template_name="portal/sign-in.html", redirect_authenticated_user=True
        ),
        name="sign-in",
    ),
    path("sign-out", auth.LogoutView.as_view(), name="sign-out"),
    path("api/v1/", api.urls),
]
