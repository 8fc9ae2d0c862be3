"""Forbids browsers and proxies to store pages of an authenticated caller.

Computers are shared. Without this *Back* shows the next person what the one before
them has seen, from the browser's own memory and without a request to the portal.
"""

from django.http import HttpRequest, HttpResponseBase
from django.utils.cache import patch_cache_control


def no_store(request: HttpRequest, response: HttpResponseBase) -> HttpResponseBase:
    """Mark a response to an authenticated caller as private and not to be stored."""
    if getattr(request, "caller", None) is not None:
        patch_cache_control(response, private=True, no_store=True)
    return response
