"""Receives the sign-in of a person, whatever factor it ended with."""

from typing import Any

from django.contrib.auth.signals import user_logged_in
from django.dispatch import receiver
from django.http import HttpRequest
from django.utils import timezone

from portal.accounts.client_address import origin_of
from portal.accounts.sessions import SessionStore
from portal.models import EventKind, User
from portal.security_events.record import record


@receiver(user_logged_in)
def begin_session(request: HttpRequest, user: User, **_: Any) -> None:
    """Note in the session who has signed in, where and when, and record the event."""
    at = timezone.now()
    origin = origin_of(request)
    if isinstance(request.session, SessionStore):
        request.session.begin(user, origin=origin, at=at)
    record(EventKind.SIGNED_IN, origin=origin, at=at, user_id=user.pk)
