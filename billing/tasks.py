"""Doorbells of billing."""

from datetime import timedelta

from celery import shared_task
from django.utils import timezone

from billing import digesting, lateness, opening, receipt_mail, reminder_plan, reminding
from portal.jobs import shutdown

# Mails that one ring sends; what it does not come to is the next one's. Each can take
# a mail server minutes, and a ring ends well within its limit.
_MAIL_FOR = timedelta(minutes=3)


@shared_task(name="billing.open_periods", soft_time_limit=240, time_limit=300)
def open_periods() -> None:
    now = timezone.now()  # noqa: TID251 - a task
    opening.open_current_periods(today=now.date(), at=now)


@shared_task(name="billing.check_lateness", soft_time_limit=240, time_limit=300)
def check_lateness() -> None:
    lateness.check(timezone.now())  # noqa: TID251 - a task


@shared_task(name="billing.remind", soft_time_limit=240, time_limit=300)
def remind() -> None:
    reminder_plan.plan(at=timezone.now())  # noqa: TID251 - a task


# A hard limit only: a soft one raises in the middle of a mail.
@shared_task(name="billing.send_mail", time_limit=600)
def send_mail() -> None:
    until = timezone.now() + _MAIL_FOR  # noqa: TID251 - a task
    while timezone.now() < until and not shutdown.is_asked():  # noqa: TID251 - a task
        # Receipts are few, and somebody waits for them.
        sent = receipt_mail.send_waiting(now=timezone.now)  # noqa: TID251 - a task
        sent = reminding.send_waiting(now=timezone.now) or sent  # noqa: TID251 - a task
        if not sent:
            return


@shared_task(name="billing.digest", time_limit=600)
def digest() -> None:
    digesting.send_due(now=timezone.now)  # noqa: TID251 - a task
