"""Ends sessions at once, and records each that has ended."""

from datetime import datetime, timedelta
from enum import StrEnum
from uuid import UUID

from portal.accounts.sessions import end_sessions
from portal.models import EventKind, SecurityEvent, Session
from portal.security_events.record import Origin, log, record

# How long security events are kept: a year, and time to compare it with the next.
KEEP_EVENTS = timedelta(days=400)


class EndReason(StrEnum):
    """Why a session has ended, as events store it."""

    TIME = "time"
    """It was not used for long enough, or lasted as long as one may."""

    PERSON = "person"
    """The person has ended it on the page of their sessions."""

    SOMEBODY_ELSE = "somebody-else"
    """An admin or the billing staff have ended it."""

    PASSWORD = "password"  # noqa: S105 - a word
    """The password was changed."""

    FACTOR = "factor"
    """The first second factor was added, or one was removed."""


def end_and_record(  # noqa: PLR0913 - what ends, by whom, when and why
    user_id: int,
    *,
    reason: EndReason,
    origin: Origin,
    at: datetime,
    but: UUID | None = None,
    only: UUID | None = None,
    actor: str = "",
    tenant_id: int | None = None,
) -> int:
    """End sessions of a person, an event each; return how many have ended.

    A request that is running with one of them does not restore it. In a unit of work of
    a tenant only sessions of its people are found.

    Args:
        user_id: whose sessions.
        reason: why they end.
        origin: where whoever ends them is.
        at: when.
        but: the reference of one that goes on.
        only: the reference of the only one to end.
        actor: who ends them, if not the person.
        tenant_id: the tenant for which they do; the others of the person are not told
            who and where its admins are.

    """
    ended = end_sessions(user_id, but=but, only=only)
    for reference in ended:
        record(
            EventKind.SESSION_ENDED,
            origin=Origin(origin.address, origin.agent, reference),
            at=at,
            user_id=user_id,
            actor=actor,
            tenant_id=tenant_id,
            details={"reason": reason},
        )
    return len(ended)


def end_overdue(*, at: datetime, most: int) -> int:
    """Remove sessions whose time is over, `most` at once; return how many.

    Those of people are recorded. Nothing depends on it: a session whose time is over is
    not found.
    """
    found = list(
        Session.objects.filter(expire_date__lt=at).order_by("expire_date")[:most]
    )
    gone = {one.session_key for one in found}
    Session.objects.filter(session_key__in=gone, expire_date__lt=at).delete()
    events = [
        SecurityEvent(
            at=one.expire_date,
            kind=EventKind.SESSION_ENDED,
            user_id=one.user_id,
            session=one.reference,
            details={"reason": EndReason.TIME},
        )
        for one in found
        if one.user_id is not None
    ]
    for event in events:
        log(event)
    SecurityEvent.objects.bulk_create(events)
    return len(found)


def remove_old_events(*, at: datetime, most: int) -> int:
    """Remove security events that were kept long enough, `most` at once.

    The database lets nobody remove younger ones.
    """
    old = SecurityEvent.objects.filter(at__lt=at - KEEP_EVENTS).order_by("at")
    found = list(old.values_list("pk", flat=True)[:most])
    SecurityEvent.objects.filter(pk__in=found).delete()
    return len(found)
