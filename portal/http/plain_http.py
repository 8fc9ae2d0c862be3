"""Recognises requests that send a secret over plain http."""

from django.conf import settings
from django.http import HttpRequest

from portal.http.identify import API

# Clients of these send their secret with each request and follow redirects silently, so
# over plain http each request would expose it and nobody would notice.
_WITH_SECRETS = (API, "/calendar/")


def has_secret_in_the_clear(request: HttpRequest) -> bool:
    """Return whether a client must be refused, since redirecting would hide it."""
    return (
        settings.SECURE_SSL_REDIRECT
        and request.path_info.startswith(_WITH_SECRETS)
        and not request.is_secure()
    )
