"""Records security events: a row each, and the same as JSON in the log.

The audit trail records what people did with a tenant's data, and is chained. Security
events record how they got in, or did not. They may be many, so they are not chained,
and those of unknown clients are bounded.
"""

import json
import logging
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from portal.models import EventKind, SecurityEvent

logger = logging.getLogger("portal.security")

# Anybody can cause these. Rows beyond this number in an hour from one network address
# are only logged: enough to see an attack, too few to fill the disk.
_ANONYMOUS = frozenset(
    {
        EventKind.SIGN_IN_FAILED,
        EventKind.SIGN_IN_LOCKED,
        EventKind.PASSWORD_LINK,
        EventKind.LINK_REFUSED,
        EventKind.TOKEN_UNKNOWN,
        EventKind.TOKEN_REFUSED,
    }
)
ANONYMOUS_PER_HOUR = 100
_PER = timedelta(hours=1)

Detail = str | int | bool | None


@dataclass(frozen=True, slots=True)
class Origin:
    """Where a request came from: network address, browser, and session if any."""

    address: str = ""
    agent: str = ""
    session: UUID | None = None


def record(  # noqa: PLR0913 - what an event is
    kind: EventKind,
    *,
    origin: Origin,
    at: datetime,
    user_id: int | None = None,
    tenant_id: int | None = None,
    actor: str = "",
    details: Mapping[str, Detail] | None = None,
) -> None:
    """Record an event, inside a unit of work or outside of any.

    Outside, it is committed at once, and stays though the request fails afterwards.
    """
    event = SecurityEvent(
        at=at,
        kind=kind,
        user_id=user_id,
        tenant_id=tenant_id,
        actor=actor[:254],
        address=origin.address[:45],
        agent=origin.agent[:300],
        session=origin.session,
        details=dict(details or {}),
    )
    logger.info("%s", json.dumps(_as_log_line(event), sort_keys=True))
    if kind not in _ANONYMOUS or _is_within_limit(event):
        event.save(force_insert=True)


def _as_log_line(event: SecurityEvent) -> dict[str, object]:
    return {
        "event": str(event.kind),
        "at": event.at.isoformat(),
        "user": event.user_id,
        "tenant": event.tenant_id,
        "actor": event.actor,
        "address": event.address,
        "agent": event.agent,
        "session": str(event.session) if event.session else None,
        "details": event.details,
    }


def _is_within_limit(event: SecurityEvent) -> bool:
    same = SecurityEvent.objects.filter(
        kind=event.kind, address=event.address, at__gt=event.at - _PER
    )
    return same[:ANONYMOUS_PER_HOUR].count() < ANONYMOUS_PER_HOUR
