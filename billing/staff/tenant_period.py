"""One period of a tenant as its page shows it to staff, to be understood in one look.

What is missing and since when, the deadline in both readings, and who was told.
"""

from datetime import datetime
from typing import Any

from billing import reminders, saying, timetable
from billing.models import PeriodRollUp
from billing.periods import Period
from billing.queries import PeriodView, view_period, view_urgent_period
from billing.staff.mail_showing import mail_rows


def shown(tenant_id: int, period: Period | None, *, at: datetime) -> dict[str, Any]:
    """Return what the section shows, in the tenant's unit of work; of None the urgent.

    `chosen` is the period; `since` says from when on something is missing and late,
    where it is; mails are reminders, oldest first.
    """
    view = view_period(period, at=at) if period else view_urgent_period(at=at)
    return {
        "chosen": view.period,
        "view": view,
        "words": saying.words(view, at=at),
        "since": _since(view.period, at=at),
        **_sheet(view),
        "mails": mail_rows(reminders.mails_of(tenant_id, view.period)),
    }


def _since(period: Period, *, at: datetime) -> dict[str, datetime]:
    rolled = PeriodRollUp.objects.filter(period=str(period)).first()
    if rolled is None:
        return {}
    found = {"missing": rolled.lacking_from, "late": rolled.late_from}
    return {name: when for name, when in found.items() if when and when <= at}


def _sheet(view: PeriodView) -> dict[str, Any]:
    calendar = view.judgement.calendar
    return {
        "months": timetable.months(view.period),
        "heads": timetable.heads(view.period),
        "rows": timetable.rows(calendar, opened=None),
        "legend": timetable.legend(calendar),
        # What is not over, or waits for us, is told by the sheet.
        "lacks": [one for one in timetable.lacks(calendar) if not one.is_quiet],
    }
