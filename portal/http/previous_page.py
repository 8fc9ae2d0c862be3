"""Finds the page from which a form was sent, to redirect to it."""

from urllib.parse import urlsplit

from django.http import HttpRequest
from django.urls import Resolver404, resolve, reverse

from portal.http.endpoints import ENDPOINTS


def previous_page(request: HttpRequest, *, otherwise: str) -> str:
    """Return the path and query of the portal's page that a form was sent from.

    If the browser sends no Referer, or one of another site or of an address that takes
    forms only, return the address of the URL name `otherwise`.
    """
    page = urlsplit(request.headers.get("Referer", ""))
    if page.netloc != request.get_host():
        return reverse(otherwise)
    try:
        name = resolve(page.path).url_name
    except Resolver404:
        return reverse(otherwise)
    if "GET" not in ENDPOINTS.get(name or "", {}):
        return reverse(otherwise)
    return f"{page.path}?{page.query}" if page.query else page.path
