"""What a browser keeps of a page when its person has left: nothing.

Computers are shared. Without this *Back* shows the next person what the one before
them has seen, from the browser's own memory and without a question to the portal.
"""

from django.http import HttpRequest, HttpResponseBase
from django.utils.cache import patch_cache_control


def no_store(request: HttpRequest, response: HttpResponseBase) -> HttpResponseBase:
    """Have an answer to somebody who was let in kept nowhere on its way."""
    if getattr(request, "caller", None) is not None:
        patch_cache_control(response, private=True, no_store=True)
    return response
