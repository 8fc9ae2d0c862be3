"""What a portal with demo data alone would have told and flagged by now.

By the acts that its tasks would have run, at the instants at which they would have: the
demo's late tenants are flagged, and their reminders lie in the folder of mails. Where
anybody else is a tenant, or mails really go, nothing of the past is made up.
"""

from collections.abc import Iterator
from datetime import datetime, timedelta

from django.conf import settings

from billing import lateness, reminder_plan, reminder_steps, reminding
from billing.following import WAIT
from billing.models import TenantPeriod
from billing.periods import Period, zone_named
from portal import access
from portal.models import Tenant
from usage import inbox

# Nobody is flagged before their inbox was listed; who is away is not waited for.
_LISTING = timedelta(seconds=10)


def make(*, at: datetime) -> bool:
    """Let time pass over the demo once, up to `at`; False if it is not alone."""
    with access.acting_for(access.STAFF, reading=True):
        is_alone = not Tenant.objects.filter(is_demo=False).exists()
        period = Period.containing(at.date()).previous()
        opened = list(TenantPeriod.objects.filter(period=str(period)))
    if not is_alone or settings.EMAIL_BACKEND != "portal.mail.FolderBackend":
        return False
    if settings.INBOX_BUCKET:
        inbox.list_waiting(now=lambda: at, until=at + _LISTING)
    for instant in sorted(_instants(opened, at=at)):
        lateness.check(instant)
        reminder_plan.plan(at=instant)
        _send(instant)
    return True


def _instants(opened: list[TenantPeriod], *, at: datetime) -> Iterator[datetime]:
    """Yield when a reminder was due or a deadline missed, up to now."""
    for row in opened:
        flagged_at = row.effective_at + WAIT
        dues = reminder_steps.steps(
            Period.parse(row.period),
            zone_named(row.zone),
            deadline_at=row.effective_at,
            flagged_at=flagged_at,
        )
        yield from (one for one in (flagged_at, *(due.at for due in dues)) if one <= at)


def _send(at: datetime) -> None:
    while reminding.send_waiting(now=lambda: at):
        continue
