"""Receives what the sign-in library reports: sign-in, sign-out, changed passwords."""

from typing import Any

from allauth.account.internal.flows.login import AUTHENTICATION_METHODS_SESSION_KEY
from allauth.account.signals import password_changed, password_reset
from django.contrib.auth.signals import user_logged_in, user_logged_out
from django.dispatch import receiver
from django.http import HttpRequest
from django.utils import timezone

from portal.accounts import known_browsers, request_mails
from portal.accounts.client_address import origin_of
from portal.accounts.end_sessions import EndReason, end_and_record
from portal.accounts.sessions import SessionStore
from portal.models import EventKind, SecurityEvent, User
from portal.security_events.record import record


@receiver(user_logged_in)
def begin_session(request: HttpRequest, user: User, **_: Any) -> None:
    """Note in the session who has signed in, where and when, and record the event."""
    at = timezone.now()
    origin = origin_of(request)
    if isinstance(request.session, SessionStore):
        request.session.begin(user, origin=origin, at=at)
    if not known_browsers.has_signed_in_here(request, user) and _has_signed_in(user):
        record(EventKind.NEW_BROWSER, origin=origin, at=at, user_id=user.pk)
        if not _came_by_link(request):
            request_mails.report_new_browser(
                user.email, ip=origin.address, agent=origin.agent, at=at
            )
    known_browsers.remember(request, user)
    record(EventKind.SIGNED_IN, origin=origin, at=at, user_id=user.pk)


@receiver(user_logged_out)
def record_sign_out(request: HttpRequest, user: User | None, **_: Any) -> None:
    """Record that somebody has signed out; the session is removed afterwards."""
    if isinstance(user, User):
        record(
            EventKind.SIGNED_OUT,
            origin=origin_of(request),
            at=timezone.now(),
            user_id=user.pk,
        )


@receiver(password_changed)
def end_other_sessions(request: HttpRequest, user: User, **_: Any) -> None:
    """Record that a password was changed, and end all sessions but the present one."""
    at, origin = timezone.now(), origin_of(request)
    record(EventKind.PASSWORD_CHANGED, origin=origin, at=at, user_id=user.pk)
    end_and_record(
        user.pk, but=origin.session, reason=EndReason.PASSWORD, origin=origin, at=at
    )
    # The password is part of what the browser is known by.
    known_browsers.remember(request, user)


@receiver(password_reset)
def end_all_sessions(request: HttpRequest, user: User, **_: Any) -> None:
    """Record that a password was set by a link, and end all sessions of the person."""
    at, origin = timezone.now(), origin_of(request)
    record(EventKind.PASSWORD_SET, origin=origin, at=at, user_id=user.pk)
    end_and_record(user.pk, reason=EndReason.PASSWORD, origin=origin, at=at)


def _has_signed_in(user: User) -> bool:
    """Return whether a person has signed in before, as far as events are kept.

    Accounts of a version that recorded no events get no mail for their first sign-in.
    """
    kind = EventKind.SIGNED_IN
    return SecurityEvent.objects.filter(user=user, kind=kind).exists()


def _came_by_link(request: HttpRequest) -> bool:
    """Return whether a new password was just set, which has a mail of its own."""
    records = request.session.get(AUTHENTICATION_METHODS_SESSION_KEY, [])
    return any(one.get("method") == "password_reset" for one in records)
