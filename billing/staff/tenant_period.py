"""One period of a tenant as its page shows it to staff, to be understood in one look.

What is missing and since when, the deadline in both readings, and who was told.
"""

from datetime import datetime
from typing import Any

from billing import reminders, saying, timetable
from billing.periods import Period
from billing.queries import PeriodView, view_period, view_urgent_period
from billing.staff.mail_showing import mail_rows


def shown(tenant_id: int, period: Period | None, *, at: datetime) -> dict[str, Any]:
    """Return what the section shows, in the tenant's unit of work; of None the urgent.

    `chosen` is the period; mails are reminders, oldest first.
    """
    view = view_period(period, at=at) if period else view_urgent_period(at=at)
    return {
        "chosen": view.period,
        "view": view,
        "words": saying.words(view, at=at),
        **_sheet(view),
        "mails": mail_rows(reminders.mails_of(tenant_id, view.period)),
    }


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
