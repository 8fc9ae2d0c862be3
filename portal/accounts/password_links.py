"""Builds links for a new password."""

from django.conf import settings
from django.urls import reverse

from portal.models import User


def password_link(user: User) -> str:
    """Return a link by which a person sets a password: once, within three days."""
    # Imported late: the forms of the library import this module while they load.
    from allauth.account.forms import default_token_generator
    from allauth.account.utils import user_pk_to_url_str

    token = default_token_generator.make_token(user)
    return new_password_link(user_pk_to_url_str(user), token)


def new_password_link(uid: str, token: str) -> str:
    # Never from the Host header: the client that requests the mail chooses that.
    path = reverse("new-password", kwargs={"uidb36": uid, "key": token})
    return f"{settings.PORTAL_ADDRESS}{path}"
