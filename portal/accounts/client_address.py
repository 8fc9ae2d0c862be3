"""Finds the IP address that a request came from."""

from allauth.account.adapter import get_adapter
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest


def client_address(request: HttpRequest) -> str:
    """Return the client's IP address, empty if it is not known.

    Behind a trusted proxy (`TRUSTED_PROXY`), the proxy names the address.
    """
    try:
        found: str = get_adapter().get_client_ip(request)
    except PermissionDenied:
        return ""
    return found
