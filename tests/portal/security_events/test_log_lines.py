"""The line of a security event says when, where, who and what."""

import json
import logging
from datetime import UTC, datetime
from uuid import UUID

import pytest
from django.utils import timezone

from portal.models import EventKind, SecurityEvent
from portal.security_events import record as recording

pytestmark = pytest.mark.plain

SESSION = UUID(int=7)


def test_a_line_says_when_where_who_and_what(caplog: pytest.LogCaptureFixture) -> None:
    event = SecurityEvent(
        at=timezone.now(),
        kind=EventKind.SESSION_ENDED,
        user_id=3,
        tenant_id=4,
        actor="admin@a-100.example",
        address="192.0.2.7",
        agent="Firefox/140.0",
        session=SESSION,
        details={"reason": "somebody-else"},
    )
    with caplog.at_level(logging.INFO, logger="portal.security"):
        recording.log(event)
    [line] = caplog.records
    found = json.loads(line.getMessage())
    at = datetime.fromisoformat(found.pop("at"))
    assert (at, at.tzinfo) == (event.at, UTC)
    assert found == {
        "event": "session-ended",
        "user": 3,
        "tenant": 4,
        "actor": "admin@a-100.example",
        "address": "192.0.2.7",
        "agent": "Firefox/140.0",
        "session": str(SESSION),
        "details": {"reason": "somebody-else"},
    }
