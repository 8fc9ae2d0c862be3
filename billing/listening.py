"""What billing does in the transaction in which usage changes something."""

from datetime import datetime
from typing import Any

from django.dispatch import receiver

from billing import opening, rolling
from billing.periods import Period
from portal.models import Tenant
from usage.models import FileState, UsageFile
from usage.signals import file_changed, servers_changed


@receiver(file_changed)
def follow_a_file(*, file: UsageFile, at: datetime, **kwargs: Any) -> None:
    if file.state == FileState.ACCEPTED:
        if file.day is None or file.settled_at is None:
            message = "An accepted file has a day and was settled."
            raise RuntimeError(message)
        opening.open_period(
            file.tenant, Period.containing(file.day), at=file.settled_at
        )
    rolling.refresh_around(file, at=at)


@receiver(servers_changed)
def follow_servers(*, tenant: Tenant, at: datetime, **kwargs: Any) -> None:
    rolling.refresh_all(tenant, at=at)
