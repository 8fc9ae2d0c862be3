"""Issues the statements of the demo: one period in two versions, another in one.

A file that was believed lost is found after the first version was issued, so that
there is a second one, with its differences. The running period is provisional.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import datetime, time, timedelta
from zoneinfo import ZoneInfo

from billing.coverage.periods import Period
from billing.demo import history, personas
from billing.demo.personas import Persona
from billing.models import Excuse, ExcuseKindChoices, Statement, TenantPeriod
from billing.requests import excuses
from billing.requests.excuses import ExcuseRequest
from billing.statements import issue, refresh, send_mails
from billing.statements.issue import IssueRequest
from portal.db import unit_of_work
from portal.errors import Refused
from portal.models import Tenant
from usage.models import Server

# Days after the end of a period on which each step happens; the deadline is on the
# eighth.
_EXCUSED, _APPROVED, _ISSUED, _FOUND, _CORRECTED = 4, 5, 9, 14, 16

# Seconds to wait for a statement of the demo, which takes one or two.
_SECONDS = 60.0


@dataclass(frozen=True, slots=True)
class DemoMonths:
    """The past periods of a demo tenant, oldest first; nothing happens after `at`."""

    persona: Persona
    past: tuple[Period, ...]
    at: datetime

    def on_day(self, period: Period, day: int) -> datetime:
        """Return 10:00 local time, some days after the end of a period."""
        date = period.ends_on + timedelta(days=day)
        local = datetime.combine(date, time(10), ZoneInfo(self.persona.zone))
        return min(local, self.at)


def excuse_lost_day(tenant: Tenant, months: DemoMonths) -> None:
    """Request and approve the excuse of the lost day, once; before files are sent."""
    period = months.past[0]
    with unit_of_work.acting_for(tenant.pk, reading=True):
        server = Server.objects.get(name=months.persona.lost_server)
        if Excuse.objects.filter(server=server).exists():
            return
    excuse = excuses.request_excuse(
        tenant.pk,
        request=ExcuseRequest(
            server_id=server.pk,
            kind=ExcuseKindChoices.LOST,
            period=period,
            reason="The disk of this server failed; we have no copy of the file.",
            days=frozenset({personas.lost_day(period)}),
        ),
        by=personas.ADMIN,
        at=months.on_day(period, _EXCUSED),
    )
    excuses.approve(
        tenant.pk,
        excuse_id=excuse.pk,
        by=personas.CLERK,
        at=months.on_day(period, _APPROVED),
    )


def issue_past(
    tenant: Tenant, months: DemoMonths, *, send_lost: Callable[[datetime], bool]
) -> None:
    """Issue the statements of past periods that are not issued yet.

    `send_lost` sends the files that were believed lost, as of an instant; it returns
    False if there are none. Mails about a version are sent at its own instant, if past
    mails can be made at all.
    """
    with_mails = history.can_backdate_mails()
    for period in months.past:
        if not _has_version(tenant, period, 1):
            at = months.on_day(period, _ISSUED)
            _issue(tenant, period, at, with_mails=with_mails)
    first = months.past[0]
    is_first = _has_version(tenant, first, 1) and not _has_version(tenant, first, 2)
    if is_first and send_lost(months.on_day(first, _FOUND)):
        reason = "The file that was believed lost was found on a backup."
        at = months.on_day(first, _CORRECTED)
        _issue(tenant, first, at, reason=reason, with_mails=with_mails)


def compute_current(tenant: Tenant, *, at: datetime) -> None:
    """Compute the current statements of a tenant's opened periods."""
    for period in _opened(tenant):
        refresh.fresh_statement(tenant.pk, period, at=at, seconds=_SECONDS)


def _issue(
    tenant: Tenant,
    period: Period,
    at: datetime,
    *,
    with_mails: bool,
    reason: str = "",
) -> None:
    wanted = IssueRequest(
        period=period, by=personas.CLERK, at=at, reason=reason, with_mails=with_mails
    )
    try:
        issue.issue(tenant.pk, wanted)
    except Refused:
        # The period is not complete; the demo shows it as it is.
        return
    while with_mails and send_mails.send_waiting(now=lambda: at):
        continue


def _has_version(tenant: Tenant, period: Period, version: int) -> bool:
    with unit_of_work.acting_for(tenant.pk, reading=True):
        found = Statement.objects.filter(period=str(period), version=version)
        return found.exists()


def _opened(tenant: Tenant) -> Iterable[Period]:
    with unit_of_work.acting_for(tenant.pk, reading=True):
        names = list(TenantPeriod.objects.values_list("period", flat=True))
    return map(Period.parse, sorted(names))
