"""Adapts allauth: no sign-up, and our own URLs, error texts and mails."""

from typing import Any

from allauth.account.adapter import DefaultAccountAdapter
from django.contrib.auth.base_user import AbstractBaseUser
from django.http import HttpRequest, HttpResponse
from django.utils.translation import gettext_lazy as _

from portal.accounts.login_redirect import is_own_path
from portal.accounts.password_links import new_password_link
from portal.errors import Refused
from portal.mail import message as mail_message

# The mails of allauth that the portal sends, each with our name for it.
_MAIL_NAMES = {
    "account/email/password_reset_key": "new-password",
    "account/email/password_changed": "password-changed",
    "account/email/password_reset": "password-changed",
}


class Accounts(DefaultAccountAdapter):
    """The adapter that allauth calls."""

    error_messages = {
        **DefaultAccountAdapter.error_messages,
        "email_password_mismatch": _(
            "This address and password do not belong together. After 5 wrong tries"
            " within an hour you have to wait."
        ),
        "too_many_login_attempts": _(
            "There were too many wrong tries. Wait an hour, or press “Forgotten?”: the"
            " link in the mail lets you in at once."
        ),
        "enter_current_password": _("This is not the password you have now."),
    }

    def is_open_for_signup(self, request: HttpRequest) -> bool:
        return False

    def is_ajax(self, request: HttpRequest) -> bool:
        # The library would answer a form as JSON; scripts have the API.
        return False

    def is_safe_url(self, url: str) -> bool:
        return is_own_path(url)

    def add_message(self, *args: Any, **kwargs: Any) -> None:
        """Add no message: each page shows by itself what was done."""

    def set_password(self, user: AbstractBaseUser, password: str) -> None:
        user.set_password(password)
        # The application may change no other column of a person.
        user.save(update_fields=["password"])

    def respond_user_inactive(
        self, request: HttpRequest, user: AbstractBaseUser
    ) -> HttpResponse:
        raise Refused("account-closed")

    def get_reset_password_from_key_url(self, key: str) -> str:
        uid, _dash, token = key.partition("-")
        return new_password_link(uid, token)

    def send_mail(
        self, template_prefix: str, email: str, context: dict[str, Any]
    ) -> None:
        mail_message.send_in_background(
            mail_message.build_message(
                _MAIL_NAMES[template_prefix], to=email, shown=context
            )
        )

    def _get_login_attempts_cache_key(
        self, request: HttpRequest, **credentials: Any
    ) -> str:
        # The library prefixes the Host header, which the client chooses: each port
        # would have attempts of its own.
        return str(credentials.get("email", "")).lower()
