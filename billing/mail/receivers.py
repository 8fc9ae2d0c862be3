"""Ends private calendar addresses with the memberships that they belong to."""

from datetime import datetime
from typing import Any

from django.dispatch import receiver

from billing.mail import recipients
from portal.people.signals import membership_ended


@receiver(membership_ended)
def end_calendar_address(
    *, tenant_id: int, user_id: int, by: str, at: datetime, **_: Any
) -> None:
    """Remove the calendar address of a former member."""
    recipients.remove_calendar_address(tenant_id, user_id=user_id, by=by, at=at)
