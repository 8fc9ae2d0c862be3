"""Sign-in and password pages: allauth's views with our templates.

allauth's own `get_context_data` looks up sign-up and other pages by name, which the
portal does not have: three of these views skip it.
"""

from typing import Any

from allauth.account import views as theirs
from django.conf import settings
from django.contrib.messages.storage.cookie import CookieStorage
from django.http import HttpRequest, HttpResponse
from django.urls import reverse_lazy

from portal.accounts.forms import NewPasswordRequestForm
from portal.accounts.passkey_obstacle import passkey_obstacle
from portal.models import User

Shown = dict[str, Any]


class SignIn(theirs.LoginView):
    template_name = "portal/accounts/sign-in.html"

    def get_context_data(self, **kwargs: Any) -> Shown:
        above = super(theirs.LoginView, self).get_context_data
        shown: Shown = above(**kwargs)  # type: ignore[no-untyped-call]  # allauth's
        # Nobody can sign in yet: the page names the command that creates an account.
        shown["has_nobody"] = not User.objects.exists()
        shown["obstacle"] = passkey_obstacle(self.request.get_host())
        return shown


class SignOut(theirs.LogoutView):
    """Signs out, and has the browser forget what it has of the person.

    Not `"cookies"`: the cookie that the browser is known by keeps strangers' tries from
    locking the person out, and signs nobody in. Not `"storage"`: the upload page
    remembers a watched folder from one visit to the next, for one person and tenant,
    and the browser asks before it is read again.
    """

    def post(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        response: HttpResponse = super().post(request, *args, **kwargs)
        response["Clear-Site-Data"] = '"cache"'
        response.delete_cookie(settings.CSRF_COOKIE_NAME, samesite="Lax")
        response.delete_cookie(CookieStorage.cookie_name, samesite="Lax")
        return response


class Forgotten(theirs.PasswordResetView):
    form_class = NewPasswordRequestForm
    template_name = "portal/accounts/forgotten.html"
    success_url = reverse_lazy("forgotten-sent")

    def get_context_data(self, **kwargs: Any) -> Shown:
        above = super(theirs.PasswordResetView, self).get_context_data
        shown: Shown = above(**kwargs)  # type: ignore[no-untyped-call]  # allauth's
        return shown


class NewPassword(theirs.PasswordResetFromKeyView):
    template_name = "portal/accounts/new-password.html"

    def get_context_data(self, **kwargs: Any) -> Shown:
        above = super(theirs.PasswordResetFromKeyView, self).get_context_data
        shown: Shown = above(**kwargs)  # type: ignore[no-untyped-call]  # allauth's
        return shown


class ChangePassword(theirs.PasswordChangeView):
    template_name = "portal/accounts/change-password.html"
    success_url = reverse_lazy("change-password", query={"changed": "yes"})
