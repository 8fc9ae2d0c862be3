"""Adapts allauth: no sign-up, and our own URLs, error texts and mails."""

from typing import Any

from allauth.account.adapter import DefaultAccountAdapter
from django.contrib.auth.base_user import AbstractBaseUser
from django.http import HttpRequest, HttpResponse
from django.utils.translation import gettext_lazy as _

from portal.accounts import request_mails
from portal.accounts.login_redirect import is_own_path
from portal.errors import Refused
from portal.typed_text.clean import mail_address

# The mails of allauth that the portal sends. Links for a new password are requested by
# `portal.accounts.forms`, without allauth.
_PASSWORD_CHANGED = {"account/email/password_changed", "account/email/password_reset"}


class Accounts(DefaultAccountAdapter):
    """The adapter that allauth calls."""

    error_messages = {
        **DefaultAccountAdapter.error_messages,
        "email_password_mismatch": _(
            "This address and password do not belong together. After 5 wrong tries"
            " within an hour you have to wait."
        ),
        "too_many_login_attempts": _(
            "There were too many wrong tries. Wait an hour, or press “Forgot your"
            " password?”: the link in the mail signs you in at once."
        ),
        "enter_current_password": _("This is not the password you have now."),
    }

    def is_open_for_signup(self, request: HttpRequest) -> bool:
        return False

    def is_ajax(self, request: HttpRequest) -> bool:
        # The library would answer a form as JSON; scripts have the API.
        return False

    def get_login_stages(self) -> list[str]:
        # The only step after the password; the library's own has pages of its own.
        return ["portal.second_factor.stage.SecondFactorStage"]

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

    def send_mail(
        self, template_prefix: str, email: str, context: dict[str, Any]
    ) -> None:
        if template_prefix not in _PASSWORD_CHANGED:
            message = f"The portal has no mail for {template_prefix}."
            raise NotImplementedError(message)
        request_mails.report_changed_password(email, ip=context["ip"] or "")

    def _get_login_attempts_cache_key(
        self, request: HttpRequest, **credentials: Any
    ) -> str:
        # The library prefixes the Host header, which the client chooses: each port
        # would have attempts of its own.
        # Wrong tries of an address are counted together, however it is written.
        return mail_address(str(credentials.get("email", "")))

    def clean_email(self, email: str) -> str:
        """Return the address that a new password is requested for, as it is stored."""
        return mail_address(email)
