"""Refreshes billing periods in the transaction in which files or servers change."""

from datetime import datetime
from typing import Any

from django.dispatch import receiver

from billing.coverage.periods import Period
from billing.periods import open_periods, refresh_summary
from portal.models import Tenant
from usage.models import FileState, UsageFile
from usage.signals import file_changed, servers_changed


@receiver(file_changed)
def update_periods_of_file(*, file: UsageFile, at: datetime, **kwargs: Any) -> None:
    if file.state == FileState.ACCEPTED:
        if file.day is None or file.settled_at is None:
            message = "An accepted file has a day and was settled."
            raise RuntimeError(message)
        open_periods.open_period(
            file.tenant, Period.containing(file.day), at=file.settled_at
        )
    refresh_summary.refresh_around(file, at=at)


@receiver(servers_changed)
def update_periods_of_servers(*, tenant: Tenant, at: datetime, **kwargs: Any) -> None:
    refresh_summary.refresh_all(tenant, at=at)
