"""Creates a customer whose ended period has gaps, on the first reminder's morning."""

from collections.abc import Collection
from datetime import UTC, date, datetime
from zoneinfo import ZoneInfo

from billing.models import Excuse, ExcuseKindChoices, Reminder
from billing.periods import open_periods as period_open_periods
from billing.periods import refresh
from billing.reminders import plan as reminder_plan
from billing.reminders import send as reminder_send
from billing.requests import excuses
from portal.db import unit_of_work
from tests.billing.lateness.late_tenants import DAY, HOUR, LAST, MAY
from tests.builders import NOW, Company
from usage.models import Server

BERLIN = ZoneInfo("Europe/Berlin")

# In Berlin: nine on the first morning after the period, and when it is late.
ENDED = datetime(2026, 5, 28, 9, tzinfo=BERLIN)
DEADLINE = datetime(2026, 6, 5, tzinfo=BERLIN).astimezone(UTC)

# In that night.
AFTER = ENDED - 5 * HOUR


def open_periods(*, today: date = date(2026, 5, 20)) -> None:
    period_open_periods.open_current_periods(today=today, at=NOW)
    refresh.refresh_all(seconds=60)


def send_days(company: Company, first: date = LAST - DAY, last: date = LAST) -> None:
    for data in company.server.days(first, last):
        company.send(data, at=AFTER)


def rows(company: Company) -> list[Reminder]:
    with unit_of_work.acting_for(company.id, reading=True):
        return list(Reminder.objects.order_by("pk"))


def reminder_states(company: Company) -> list[tuple[str, str, str]]:
    return [(row.step, row.shown_state, row.problem) for row in rows(company)]


def send(at: datetime) -> int:
    """Send what can be sent; return how often there was something."""
    count = 0
    while reminder_send.send_waiting(now=lambda: at):
        count += 1
    return count


def run(at: datetime) -> None:
    reminder_plan.plan_reminders(at=at)
    send(at)


def request_excuse(
    company: Company, *, at: datetime, days: Collection[date] = (LAST - DAY, LAST)
) -> Excuse:
    with unit_of_work.acting_for(company.id, reading=True):
        server = Server.objects.get()
    request = excuses.ExcuseRequest(
        server_id=server.pk,
        kind=ExcuseKindChoices.LOST,
        period=MAY,
        reason="The disk broke.",
        days=frozenset(days),
    )
    return excuses.request_excuse(company.id, request=request, by="anna", at=at)
