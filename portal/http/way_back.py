"""Finds the page of the form that is sent to an address."""

from django.urls import Resolver404, resolve

from portal.http.endpoints import ENDPOINTS


def page_above(path: str) -> str:
    """Return the nearest address above a path that shows a page, or the home page.

    Forms are sent to addresses below that of their page.
    """
    parts = path.strip("/").split("/")
    while parts := parts[:-1]:
        address = "/" + "/".join(parts)
        if _shows_page(address):
            return address
    return "/"


def _shows_page(address: str) -> bool:
    try:
        name = resolve(address).view_name
    except Resolver404:
        return False
    return "GET" in ENDPOINTS.get(name, {})
