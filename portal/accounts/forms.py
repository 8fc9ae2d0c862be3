"""Forms of accounts, with mail addresses cleaned before they are looked up."""

from typing import Any

from allauth.account import forms as theirs
from django import forms
from django.http import HttpRequest

from portal.accounts import request_mails
from portal.accounts.client_address import origin_of
from portal.forms import MailAddressField
from portal.models import User


class SignInForm(theirs.LoginForm):
    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        _clean_address(self, "login")


class NewPasswordRequestForm(theirs.ResetPasswordForm):
    """allauth's form without the look-up, which would show in the response time."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        _clean_address(self, "email")

    def clean_email(self) -> str:
        address: str = self.cleaned_data["email"]
        return address

    def save(self, request: HttpRequest, **kwargs: Any) -> str:
        address: str = self.cleaned_data["email"]
        origin = origin_of(request)
        request_mails.request_new_password(
            address, ip=origin.address, agent=origin.agent
        )
        return address


def _clean_address(form: forms.Form, name: str) -> None:
    field = form.fields[name]
    form.fields[name] = MailAddressField(
        label=field.label,
        widget=field.widget,
        max_length=User._meta.get_field("email").max_length,
    )
