"""Celery tasks: each processes jobs that wait in rows of the database."""

from datetime import timedelta

from celery import shared_task
from django.utils import timezone

from portal.jobs import shutdown
from usage.forwarding import forward as forwarding_forward
from usage.inbox import fetch as inbox_fetch
from usage.inbox import listing as inbox_listing
from usage.inbox import notices as inbox_notices
from usage.maintenance import orphans
from usage.maintenance import reconcile as maintenance_reconcile
from usage.uploads import judge_pending

# How long one run begins to judge further batches; the next run goes on. Far from
# the task's limit, so that a batch that waits for locks is not cut in two.
_JUDGE_FOR = timedelta(minutes=1)

# How long one run begins to forward further files; the rest is left to the next run.
# With the longest that one file can take it ends well within its limit.
_FORWARD_FOR = timedelta(minutes=3)

# How long one run lists inboxes and fetches objects: short enough that it has ended
# when the next minute's run begins. Two runs would hold both processes that forwarding
# has.
_LIST_FOR = timedelta(seconds=15)
_INBOX_FOR = timedelta(seconds=45)

# Tenants that one run sends mails to, for the same reason as files.
_MAIL_AT_MOST = 50

# Hard limits only: a soft one raises in the middle of the work, which would be counted
# as a fault of the file. The claims of a killed task are free again when their lease
# ends.
_SECONDS = 600

# Limit of the nightly checks, which read every object and every file: twenty million
# of them, before the next night.
_NIGHT = 6 * 3600


@shared_task(name="usage.forward", time_limit=_SECONDS)
def forward() -> None:
    until = timezone.now() + _FORWARD_FOR
    while timezone.now() < until and not shutdown.is_requested():
        if not forwarding_forward.forward_waiting(now=timezone.now):
            return


@shared_task(name="usage.settle", time_limit=_SECONDS)
def judge_pending_files() -> None:
    now = timezone.now()
    until = now + _JUDGE_FOR
    while (
        now < until
        and not shutdown.is_requested()
        and judge_pending.judge_pending(at=now)
    ):
        now = timezone.now()


@shared_task(name="usage.reconcile", time_limit=_NIGHT)
def reconcile() -> None:
    maintenance_reconcile.reconcile(now=timezone.now)


@shared_task(name="usage.collect", time_limit=_NIGHT)
def remove_orphans() -> None:
    orphans.remove_orphans(now=timezone.now)


@shared_task(name="usage.inbox", time_limit=_SECONDS)
def fetch_inboxes() -> None:
    if not inbox_listing.is_on():
        return
    clock = timezone.now
    begun = clock()
    if inbox_listing.list_waiting(now=clock, until=begun + _LIST_FOR):
        inbox_fetch.fetch_waiting(now=clock, until=begun + _INBOX_FOR)


@shared_task(name="usage.inbox_mail", time_limit=_SECONDS)
def mail_inbox_notices() -> None:
    for _ in range(_MAIL_AT_MOST):
        if not inbox_notices.send_waiting(now=timezone.now):
            return
