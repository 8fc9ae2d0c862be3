"""Builds links for a first or a new password, and sends the invitation mail."""

from django.conf import settings
from django.urls import reverse

from portal.mail import message as mail_message
from portal.models import User


def password_link(user: User) -> str:
    """Return a link by which a person sets a password: once, within three days."""
    # Imported late: the forms of the library import this module while they load.
    from allauth.account.forms import default_token_generator
    from allauth.account.utils import user_pk_to_url_str

    token = default_token_generator.make_token(user)
    return new_password_link(user_pk_to_url_str(user), token)


def invite(user: User, *, by: str) -> None:
    """Mail a new person the link for their first password.

    Call it after the commit: before that the link would lead to no person.
    """
    shown = {"user": user, "by": by, "password_reset_url": password_link(user)}
    mail_message.send_in_background(
        mail_message.build_message("first-password", to=user.email, shown=shown)
    )


def new_password_link(uid: str, token: str) -> str:
    # Never from the Host header: the client that requests the mail chooses that.
    path = reverse("new-password", kwargs={"uidb36": uid, "key": token})
    return f"{settings.PORTAL_ADDRESS}{path}"
