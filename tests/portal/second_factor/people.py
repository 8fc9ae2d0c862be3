"""People with second factors, their codes, and their sign-ins without a browser."""

import re
from datetime import datetime
from html import unescape
from typing import Any

from allauth.mfa.totp.internal.auth import format_hotp_value, hotp_value
from django.test import Client
from django.utils import timezone

from portal.models import User
from portal.second_factor import change
from portal.second_factor.queries import factors_of
from portal.second_factor.sealing import open_sealed, sealing_for
from portal.security_events.record import Origin
from tests.builders import PASSWORD

SECRET = "JBSWY3DPEHPK3PXPJBSWY3DPEHPK3PXP"


def code_at(at: datetime, *, steps: int = 0, secret: str = SECRET) -> str:
    """Return the code that an app shows at an instant, on a clock `steps` ahead."""
    counter = int(at.timestamp()) // 30 + steps
    return str(format_hotp_value(hotp_value(secret, counter)))


def give_app(user: User, *, secret: str = SECRET) -> tuple[str, ...]:
    """Give a person an app, as if set up long ago; return the recovery codes."""
    origin, at = Origin(), timezone.now()
    return change.add_app(user, secret, counter=0, origin=origin, at=at).codes


def enrolled_secret(user: User) -> str:
    app = factors_of(user.pk).app
    assert app is not None
    with sealing_for(user.pk, app.type):
        return open_sealed(app.data["secret"])


def type_password(email: str, password: str = PASSWORD, **more: Any) -> Client:
    """Take the first step of a sign-in."""
    client = Client()
    path = more.pop("path", "/sign-in")
    client.post(path, {"login": email, "password": password}, **more)
    return client


def text_of(response: Any) -> str:
    page = response.content.decode().partition("<main")[2]
    return unescape(" ".join(re.sub(r"<[^>]+>", " ", page).split()))


def hidden(response: Any, name: str) -> str:
    found = re.search(rf'name="{name}" value="([^"]*)"', response.content.decode())
    assert found is not None
    return unescape(found[1])


def is_in(client: Client, path: str = "/") -> bool:
    return client.get(path).status_code == 200
