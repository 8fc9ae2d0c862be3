"""Makes the history of the demo: late flags and reminders of the past weeks.

Runs the functions of the tasks for the instants at which the tasks would have run: the
demo's late tenants are flagged, and their reminders are in the folder of mails. In a
portal with other tenants, or with a mail server, no history is made.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.conf import settings

from billing.coverage import reminder_dates
from billing.coverage.periods import Period, zone_named
from billing.lateness import check as late_check
from billing.models import PeriodSummary, TenantPeriod
from billing.periods import refresh
from billing.periods.update_flags import WAIT
from billing.reminders import plan as reminder_plan
from billing.reminders import send as reminder_send
from portal.db import unit_of_work
from portal.mail.file_backend import mail_folder
from portal.models import Tenant
from usage.inbox import listing as inbox_listing

# Nobody is flagged before their inbox was listed; do not wait longer for the store.
_LISTING = timedelta(seconds=10)


# Seconds for the summaries of the demo's tenants, which take a few.
_SUMMARIES = 300.0


@dataclass(frozen=True, slots=True)
class _Due:
    """An instant at which a task would have had something to do."""

    at: datetime
    is_check: bool


def make(*, at: datetime) -> bool:
    """Make the history up to `at`; False if it is not made in this portal."""
    refresh.refresh_all(seconds=_SUMMARIES)
    if not can_backdate_mails():
        return False
    with unit_of_work.acting_for(unit_of_work.STAFF, reading=True):
        lacking = PeriodSummary.objects.exclude(missing_from=[])
        named = set(lacking.values_list("tenant", "period"))
        opened = [
            row
            for row in TenantPeriod.objects.all()
            if (row.tenant_id, row.period) in named
        ]
    if settings.INBOX_BUCKET:
        inbox_listing.list_waiting(now=lambda: at, until=at + _LISTING)
    dues = {due for row in opened for due in _dues(row) if due.at <= at}
    for due in sorted(dues, key=lambda one: one.at):
        if due.is_check:
            late_check.check_lateness(due.at)
        else:
            reminder_plan.plan_reminders(at=due.at)
            _send(due.at)
    return True


def can_backdate_mails() -> bool:
    """Return whether past mails can be made.

    All tenants have to be of the demo, and mails written to a folder.
    """
    with unit_of_work.acting_for(unit_of_work.STAFF, reading=True):
        is_alone = not Tenant.objects.filter(is_demo=False).exists()
    return is_alone and mail_folder() is not None


def _dues(row: TenantPeriod) -> Iterator[_Due]:
    """Yield the check after the deadline, and the mornings with something to plan."""
    flagged_at = row.effective_at + WAIT
    yield _Due(flagged_at, is_check=True)
    zone = zone_named(row.zone)
    steps = reminder_dates.steps(
        Period.parse(row.period),
        zone,
        deadline_at=row.effective_at,
        flagged_at=flagged_at,
    )
    for step in steps:
        yield _Due(step.at, is_check=False)
        # If two periods are due at once, one has to wait for the next day.
        evening = step.at.astimezone(zone).replace(hour=23)
        yield _Due(reminder_dates.next_morning(evening, zone), is_check=False)


def _send(at: datetime) -> None:
    while reminder_send.send_waiting(now=lambda: at):
        continue
