"""Opens periods and marks summaries as files and servers change."""

from datetime import datetime
from typing import Any

from django.dispatch import receiver

from billing.coverage.periods import Period
from billing.periods import marks, open_periods
from billing.periods.marks import ALL_PERIODS
from usage.models import FileState, Server, UsageFile
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
    marks.mark_file(file, at=at)


@receiver(servers_changed)
def mark_server(*, server: Server, at: datetime, **kwargs: Any) -> None:
    marks.mark(server.tenant_id, ALL_PERIODS, at=at, server_id=server.pk)
