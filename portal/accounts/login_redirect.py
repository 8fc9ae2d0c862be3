"""Asking somebody to sign in, and where that leads them afterwards."""

from urllib.parse import urlencode, urlsplit

from django.conf import settings
from django.http import HttpRequest
from django.urls import reverse
from django.utils.http import url_has_allowed_host_and_scheme

# Methods that change nothing, so that a forged link can do no harm.
SAFE = frozenset({"GET", "HEAD", "OPTIONS"})


def sign_in_address(request: HttpRequest) -> str:
    """Return the sign-in page that leads back to where a request wanted to go."""
    query = {"next": _return_address(request)}
    # A cookie without its session: there was one, and it has ended.
    had_session = settings.SESSION_COOKIE_NAME in request.COOKIES
    if had_session and not request.session.session_key:
        query["ended"] = "yes"
    return f"{reverse('sign-in')}?{urlencode(query, safe='/')}"


def _return_address(request: HttpRequest) -> str:
    """Return where to go after signing in: what a form has sent is not sent again."""
    if request.method in SAFE:
        return request.get_full_path()
    from_page = urlsplit(request.headers.get("Referer", ""))
    is_ours = from_page.netloc == request.get_host()
    return (from_page.path if is_ours else "") or reverse("home")


def is_own_path(url: str) -> bool:
    """Say whether an address leads to a page of the portal, wherever that runs."""
    return url.startswith("/") and url_has_allowed_host_and_scheme(
        url, allowed_hosts=None
    )
