"""The form that requests a link for a new password."""

from typing import Any

from allauth.account import forms as theirs
from allauth.account.fields import EmailField
from django.http import HttpRequest

from portal.accounts import request_mails
from portal.models import User


class NewPasswordRequestForm(theirs.ResetPasswordForm):
    """allauth's form, which looks up nobody: that would show in its time."""

    email = EmailField(max_length=User._meta.get_field("email").max_length)

    def clean_email(self) -> str:
        address: str = self.cleaned_data["email"]
        return address

    def save(self, request: HttpRequest, **kwargs: Any) -> str:  # noqa: ARG002 - allauth's way
        address: str = self.cleaned_data["email"]
        request_mails.request_new_password(address)
        return address
