"""Loads the section about one period on a tenant's staff page.

It shows what is missing and since when, both readings of the deadline, and the mails.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.utils.html import format_html
from django.utils.translation import gettext, ngettext

from billing.calendar_view import table as calendar_table
from billing.coverage.periods import Period, zone_named
from billing.coverage.standing import Standing
from billing.coverage.summary import late_since
from billing.coverage.turns import Step
from billing.mail.staff_presenters import mail_rows
from billing.models import Reminder, TenantPeriod
from billing.periods import summary_queries
from billing.periods import text as period_text
from billing.periods.headline import Reader
from billing.periods.queries import PeriodView, view_period
from billing.periods.urgent import view_urgent_period
from billing.reminders import send_now
from portal.models import Tenant
from portal.templatetags.shown import full_day, short_day, zoned


@dataclass(frozen=True, slots=True)
class PeriodOverview:
    """The summary of a period for staff, as sentences.

    `missing` counts the server-days that make the tenant late, as the desk does.
    `is_lacking`: files are missing, waived or not; `may_remind`: the tenant's next step
    is to upload.
    """

    answer: str
    sentences: list[str]
    missing: int
    is_lacking: bool
    may_remind: bool


def period_section(
    tenant_id: int, period: Period | None, *, at: datetime
) -> dict[str, Any]:
    """Return the context of the section; of the most urgent period if None is given.

    In the tenant's unit of work. `chosen` is the period; `since` has the instants since
    when something is missing and late; mails are reminders, oldest first.
    """
    view = view_period(period, at=at) if period else view_urgent_period(at=at)
    mails = send_now.mails_of(tenant_id, view.period)
    since = _since(view, at=at)
    return {
        "chosen": view.period,
        "view": view,
        "text": period_text.period_text(view, at=at, reader=Reader.STAFF),
        "since": since,
        "summary": _summary(view, since.get("late"), mails, at=at),
        **_sheet(view),
        "mails": mail_rows(mails),
    }


def _since(view: PeriodView, *, at: datetime) -> dict[str, datetime]:
    opened = TenantPeriod.objects.filter(period=str(view.period)).first()
    if opened is None:
        return {}
    found_summary = summary_queries.current_summary(Tenant.objects.get(), opened)
    is_late = view.judgement.standing is Standing.LATE
    late_from = late_since(found_summary, deadline_at=view.deadline_at)
    found = {
        "missing": min(found_summary.missing_from, default=None),
        "late": late_from if is_late else None,
    }
    return {name: when for name, when in found.items() if when and when <= at}


def _summary(
    view: PeriodView, late_from: datetime | None, mails: list[Reminder], *, at: datetime
) -> PeriodOverview:
    calendar = view.judgement.calendar
    missing = sum(not one.is_fault for one in calendar.missing)
    text = period_text.period_text(view, at=at, reader=Reader.STAFF)
    answer = text.answer
    if missing:
        answer = ngettext(
            "%(count)d of %(owed)d server-days is missing.",
            "%(count)d of %(owed)d server-days are missing.",
            missing,
        ) % {"count": missing, "owed": calendar.owed}
    is_lacking = bool(missing) or calendar.lacks_servers
    sentences = list(_dates(view, late_from, at=at)) if is_lacking else []
    if is_lacking or mails:
        sentences.append(_last_reminder_text(view, mails))
    may_remind = text.step is Step.UPLOAD
    return PeriodOverview(answer, sentences, missing, is_lacking, may_remind)


def _dates(
    view: PeriodView, late_from: datetime | None, *, at: datetime
) -> Iterable[str]:
    if late_from is not None:
        yield format_html(gettext("Late since {}."), zoned(late_from, view.zone))
    elif at < view.deadline_at:
        due = full_day(view.period.target_on)
        late = zoned(view.deadline_at, view.zone)
        text = gettext("Due by the end of {}, late from {}.")
        yield format_html(text, due, late)


def _last_reminder_text(view: PeriodView, mails: Iterable[Reminder]) -> str:
    sent = [one.sent_at for one in mails if one.sent_at]
    if not sent:
        return gettext("Nobody was told yet.")
    day = max(sent).astimezone(zone_named(view.zone)).date()
    return gettext("Last told on %(day)s.") % {"day": short_day(day)}


def _sheet(view: PeriodView) -> dict[str, Any]:
    calendar = view.judgement.calendar
    return {
        "months": calendar_table.months(view.period),
        "heads": calendar_table.day_heads(view.period),
        "rows": calendar_table.sheet_rows(calendar, opened=None),
        "legend": calendar_table.legend(calendar),
        # The sheet shows days that are not over or wait for the billing team.
        "lacks": [
            one for one in calendar_table.missing_entries(calendar) if not one.is_quiet
        ],
    }
