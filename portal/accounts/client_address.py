"""Finds where a request came from: IP address, browser, session."""

from allauth.account.adapter import get_adapter
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest

from portal.accounts.sessions import SessionStore
from portal.security_events.record import Origin


def client_address(request: HttpRequest) -> str:
    """Return the client's IP address, empty if it is not known.

    Behind a trusted proxy (`TRUSTED_PROXY`), the proxy names the address.
    """
    try:
        found: str = get_adapter().get_client_ip(request)
    except PermissionDenied:
        return ""
    return found


def origin_of(request: HttpRequest) -> Origin:
    """Return address, browser and session of a request, for security events."""
    agent = request.headers.get("User-Agent", "")
    session = getattr(request, "session", None)
    stored = session.stored if isinstance(session, SessionStore) else None
    return Origin(
        address=client_address(request),
        # The client chooses it; PostgreSQL refuses U+0000.
        agent="".join(one for one in agent if one.isprintable())[:300],
        session=stored.reference if stored else None,
    )
