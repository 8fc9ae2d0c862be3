"""Adapts allauth: no sign-up, and our own URLs, error texts and mails."""

from typing import Any

from allauth.account.adapter import DefaultAccountAdapter
from django.contrib.auth.base_user import AbstractBaseUser
from django.core.exceptions import ValidationError
from django.http import HttpRequest, HttpResponse
from django.utils import timezone
from django.utils.text import format_lazy
from django.utils.translation import gettext_lazy as _
from django.utils.translation import ngettext

from portal.accounts import passwords, request_mails, sign_in_tries
from portal.accounts.login_redirect import is_own_path
from portal.accounts.sign_in_limits import (
    PAIR_TRIES,
    PAIR_WINDOW,
    Locked,
    minutes_until,
)
from portal.accounts.sign_in_tries import CountedTry
from portal.errors import Refused
from portal.typed_text.clean import mail_address

# The mails of allauth that the portal sends. Links for a new password are requested by
# `portal.accounts.forms`, without allauth.
_PASSWORD_CHANGED = {"account/email/password_changed", "account/email/password_reset"}


class Accounts(DefaultAccountAdapter):
    """The adapter that allauth calls."""

    error_messages = {
        **DefaultAccountAdapter.error_messages,
        "email_password_mismatch": format_lazy(
            _(
                "This address and password do not belong together. After {tries} wrong"
                " tries within {minutes} minutes you have to wait."
            ),
            tries=PAIR_TRIES,
            minutes=PAIR_WINDOW.seconds // 60,
        ),
        "enter_current_password": _("This is not your current password."),
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

    def clean_password(
        self, password: str, user: AbstractBaseUser | None = None
    ) -> str:
        # Checked in the form in which it is hashed; the form compares the two typed
        # texts.
        super().clean_password(passwords.normalised(password), user)
        return password

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

    # The counts of the library are not used: see `portal.accounts.sign_in_limits`.

    _counted: CountedTry

    def pre_authenticate(self, request: HttpRequest, **credentials: Any) -> None:
        now = timezone.now()
        # Tries of an address are counted together, however it is written.
        address = mail_address(str(credentials.get("email", "")))
        try:
            self._counted = sign_in_tries.begin(request, address, at=now)
        except Locked as locked:
            minutes = minutes_until(locked.until, at=now)
            text = ngettext(
                "There were too many wrong tries. Try again in %(minutes)s minute, or"
                " press “Forgot your password?”: the link in the mail signs you in at"
                " once.",
                "There were too many wrong tries. Try again in %(minutes)s minutes, or"
                " press “Forgot your password?”: the link in the mail signs you in at"
                " once.",
                minutes,
            )
            raise ValidationError(
                text, code="too_many_login_attempts", params={"minutes": minutes}
            ) from locked

    def _rollback_login_failed_rl_usage(self) -> None:
        # Called by the library after a success.
        sign_in_tries.succeed(self._counted, at=timezone.now())

    def authentication_failed(self, request: HttpRequest, **credentials: Any) -> None:
        sign_in_tries.fail(request, self._counted, at=timezone.now())

    def _delete_login_attempts_cached_email(
        self, request: HttpRequest, **credentials: Any
    ) -> None:
        # Called by the library after a new password was set by a link.
        sign_in_tries.forget_address(request, mail_address(credentials["email"]))

    def clean_email(self, email: str) -> str:
        """Return the address that a new password is requested for, as it is stored."""
        return mail_address(email)
