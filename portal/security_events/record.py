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

from portal.db import counters
from portal.db.counters import Counter
from portal.models import EventKind, SecurityEvent
from portal.security_events.network import network_of

logger = logging.getLogger("portal.security")

# Anybody can cause these. Rows beyond these numbers in an hour are only logged: enough
# to see an attack, too few to fill the disk.
_ANONYMOUS = frozenset(
    {
        EventKind.SIGN_IN_FAILED,
        EventKind.SIGN_IN_LOCKED,
        EventKind.LINK_REFUSED,
        EventKind.TOKEN_UNKNOWN,
        EventKind.TOKEN_REFUSED,
    }
)
ANONYMOUS_PER_HOUR = 100
"""Of one kind, from one network."""

ALL_PER_HOUR = 5_000
"""Of one kind, from all networks: an attacker may have many."""

REFUSED_PER_HOUR = 100
"""Of one person or token."""

FACTOR_FAILED_PER_HOUR = 100
"""Of one person: passkeys can be tried without limit."""

_PER = timedelta(hours=1)

Detail = str | int | bool | None


@dataclass(frozen=True, slots=True)
class Origin:
    """Where a request came from: IP address, browser, and session if any."""

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
    log(event)
    limits = _limits_of(event)
    if all(counters.take(limit, at=at) is None for limit in limits):
        event.save(force_insert=True)


def log(event: SecurityEvent) -> None:
    """Log an event as one line of JSON, which quotes whatever a client has sent."""
    logger.info("%s", json.dumps(_as_log_line(event), sort_keys=True))


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


def _limits_of(event: SecurityEvent) -> tuple[Counter, ...]:
    """Return how many events there may be like this one; none for most kinds.

    Those that have limits are recorded outside of units of work.
    """
    kind = event.kind
    if kind == EventKind.REFUSED:
        name = f"event {kind} {event.user_id} {event.tenant_id} {event.actor}"
        return (Counter(name, REFUSED_PER_HOUR, _PER),)
    if kind == EventKind.FACTOR_FAILED:
        name = f"event {kind} {event.user_id}"
        return (Counter(name, FACTOR_FAILED_PER_HOUR, _PER),)
    if kind not in _ANONYMOUS:
        return ()
    network = network_of(event.address)
    return (
        Counter(f"event {kind} {network}", ANONYMOUS_PER_HOUR, _PER),
        Counter(f"event {kind}", ALL_PER_HOUR, _PER),
    )
