"""Builds the address of the sign-in page, with the page to return to afterwards."""

from urllib.parse import urlencode, urlsplit

from django.conf import settings
from django.http import HttpRequest
from django.urls import reverse
from django.utils.http import url_has_allowed_host_and_scheme

# Methods that change nothing, so that a forged link can do no harm.
SAFE = frozenset({"GET", "HEAD", "OPTIONS"})


def sign_in_address(request: HttpRequest) -> str:
    """Return the sign-in page that leads back to where a request wanted to go."""
    query = {"next": return_address(request)}
    # A cookie without its session: the session has ended.
    had_session = settings.SESSION_COOKIE_NAME in request.COOKIES
    if had_session and not request.session.session_key:
        query["ended"] = "yes"
    return f"{reverse('sign-in')}?{urlencode(query, safe='/')}"


def return_address(request: HttpRequest) -> str:
    """Return the page to open after signing in; a form is not sent again."""
    if request.method in SAFE:
        return request.get_full_path()
    return page_of(request) or reverse("home")


def page_of(request: HttpRequest) -> str:
    """Return the page of the portal that a form was sent from, empty if unknown."""
    from_page = urlsplit(request.headers.get("Referer", ""))
    return from_page.path if from_page.netloc == request.get_host() else ""


def is_own_path(url: str) -> bool:
    """Return True if an address is of a page of the portal, on whatever host."""
    return url.startswith("/") and url_has_allowed_host_and_scheme(
        url, allowed_hosts=None
    )
