"""Remembers in a signed cookie who has signed in with a browser before.

A browser that a person has used before has a count of wrong tries of its own, and a
sign-in with another one is mailed to them. The cookie signs nobody in.
"""

import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta

from django.conf import settings
from django.core import signing
from django.http import HttpRequest
from django.http.response import HttpResponseBase
from django.utils.crypto import salted_hmac

from portal.models import User

# The longest time that browsers keep a cookie.
_KEPT = timedelta(days=400)

# People of one browser; those who signed in last are kept.
_MOST_PEOPLE = 10

_SALT = "portal.known-browser"

# Where a sign-in leaves the new cookie, until the response is made.
_ATTRIBUTE = "known_browser_cookie"


@dataclass(frozen=True, slots=True)
class KnownBrowser:
    """A browser: a random id, and who has signed in with it.

    `people` maps the id of a person to the fingerprint of the password that they had.
    """

    id: str
    people: Mapping[int, str]


def known_browser(request: HttpRequest) -> KnownBrowser | None:
    """Return the browser of a request's cookie; None without a valid one."""
    cookie = request.COOKIES.get(settings.KNOWN_BROWSER_COOKIE_NAME, "")
    try:
        found = signing.loads(cookie, salt=_SALT, max_age=_KEPT)
    except signing.BadSignature:
        return None
    return KnownBrowser(found["id"], {int(one): mark for one, mark in found["people"]})


def has_signed_in_here(request: HttpRequest, user: User) -> bool:
    """Return whether a person has signed in with the browser before."""
    browser = known_browser(request)
    return browser is not None and user.pk in browser.people


def browser_id(request: HttpRequest, user: User | None) -> str:
    """Return the id of a browser that the person used with their present password.

    Empty for any other. After a change of the password the browser is unknown: whoever
    has guessed the earlier one once has no count of their own afterwards.
    """
    browser = known_browser(request)
    if browser is None or user is None:
        return ""
    return browser.id if browser.people.get(user.pk) == _fingerprint(user) else ""


def remember(request: HttpRequest, user: User) -> None:
    """Note that a person has signed in; `set_cookie` adds it to the response."""
    browser = known_browser(request)
    people = {user.pk: _fingerprint(user)}
    if browser is not None:
        people = {**people, **{k: v for k, v in browser.people.items() if k != user.pk}}
    kept = KnownBrowser(
        browser.id if browser else secrets.token_urlsafe(16),
        dict(list(people.items())[:_MOST_PEOPLE]),
    )
    setattr(request, _ATTRIBUTE, kept)


def set_cookie(request: HttpRequest, response: HttpResponseBase) -> None:
    """Add the cookie to the response, if the request has signed somebody in."""
    kept: KnownBrowser | None = getattr(request, _ATTRIBUTE, None)
    if kept is None:
        return
    content = {"id": kept.id, "people": list(kept.people.items())}
    response.set_cookie(
        settings.KNOWN_BROWSER_COOKIE_NAME,
        signing.dumps(content, salt=_SALT),
        max_age=_KEPT,
        secure=settings.SESSION_COOKIE_SECURE,
        httponly=True,
        samesite="Lax",
    )


def _fingerprint(user: User) -> str:
    return salted_hmac(_SALT, user.password, algorithm="sha256").hexdigest()[:16]
