"""Celery tasks of billing: periods, lateness, statements, reminders and mails."""

import time
from datetime import timedelta

from celery import shared_task
from django.utils import timezone

from billing.lateness import check as late_check
from billing.mail import complete_mails, key_mails, token_mails
from billing.mail import digest as mail_digest
from billing.mail import receipts as mail_receipts
from billing.periods import open_periods as period_open_periods
from billing.periods import refresh
from billing.reminders import plan as reminder_plan
from billing.reminders import send as reminder_send
from billing.standings import merge as standings_merge
from billing.statements import month_end
from billing.statements import refresh as statement_refresh
from billing.statements import send_mails as statement_mails
from portal.jobs import shutdown

# How long one run refreshes summaries, in seconds. A wake-up during a run waits for at
# most so long; the run processes marks set meanwhile.
_REFRESH_FOR = 50.0

# How long one run sends mails; the next run sends the rest. A mail server can take
# minutes for each, and a run has to end well within its limit.
_MAIL_FOR = timedelta(minutes=3)


@shared_task(name="billing.open_periods", soft_time_limit=240, time_limit=300)
def open_periods() -> None:
    now = timezone.now()
    period_open_periods.open_current_periods(today=now.date(), at=now)
    standings_merge.merge_counts()


# Ends before the next scheduled run.
@shared_task(name="billing.refresh_summaries", time_limit=120)
def refresh_summaries() -> None:
    if refresh.refresh_marked(seconds=_REFRESH_FOR):
        standings_merge.merge_counts()


# Both end before the next scheduled run, apart from a single large statement.
@shared_task(name="billing.refresh_statements", time_limit=600)
def refresh_statements() -> None:
    statement_refresh.refresh_marked(now=timezone.now, seconds=_REFRESH_FOR)


@shared_task(name="billing.month_end", time_limit=600)
def work_month_end() -> None:
    until = time.monotonic() + _REFRESH_FOR
    month_end.work(now=timezone.now, has_time=lambda: time.monotonic() < until)


@shared_task(name="billing.check_lateness", soft_time_limit=240, time_limit=300)
def check_lateness() -> None:
    late_check.check_lateness(timezone.now())


@shared_task(name="billing.remind", soft_time_limit=240, time_limit=300)
def remind() -> None:
    now = timezone.now()
    reminder_plan.plan_reminders(at=now)
    complete_mails.plan(at=now)
    key_mails.plan(at=now)
    token_mails.plan(at=now)


# A hard limit only: a soft one raises in the middle of a mail.
@shared_task(name="billing.send_mail", time_limit=600)
def send_mail() -> None:
    until = timezone.now() + _MAIL_FOR
    while timezone.now() < until and not shutdown.is_requested():
        # Receipts are few, and somebody waits for them.
        sent = mail_receipts.send_waiting(now=timezone.now)
        sent = reminder_send.send_waiting(now=timezone.now) or sent
        sent = statement_mails.send_waiting(now=timezone.now) or sent
        sent = complete_mails.send_waiting(now=timezone.now) or sent
        sent = key_mails.send_waiting(now=timezone.now) or sent
        sent = token_mails.send_waiting(now=timezone.now) or sent
        if not sent:
            return


@shared_task(name="billing.digest", time_limit=600)
def digest() -> None:
    mail_digest.send_due(now=timezone.now)
