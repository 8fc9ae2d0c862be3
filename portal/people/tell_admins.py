"""Mails tenant admins about new members and server set-ups of their tenant."""

from collections.abc import Mapping
from datetime import datetime

from portal.accounts import request_mails
from portal.models import AccountMailKind, Membership, Role


def tell_admins(
    kind: AccountMailKind,
    tenant_id: int,
    *,
    by: str,
    at: datetime,
    details: Mapping[str, str],
    but: int | None = None,
) -> None:
    """Queue a mail to each tenant admin but one, in the running unit of work."""
    admins = Membership.objects.filter(
        tenant=tenant_id, role=Role.ADMIN, user__is_active=True
    ).exclude(user=but)
    for address in admins.order_by("pk").values_list("user__email", flat=True):
        request_mails.queue(
            kind, to=address, by=by, at=at, tenant_id=tenant_id, details=details
        )
