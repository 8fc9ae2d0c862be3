"""The Celery beat schedule, and the worker queue of each task."""

from collections.abc import Mapping
from typing import Any

from celery.schedules import crontab

# At night where most customers are, an hour apart, and well away from the midnights
# of the zones whose deadlines are nearest to UTC.
_RECONCILE_AT = crontab(hour=3, minute=20)
_REMOVE_ORPHANS_AT = crontab(hour=4, minute=20)

BEAT: Mapping[str, Mapping[str, Any]] = {
    "forward": {"task": "usage.forward", "schedule": 60},
    "settle": {"task": "usage.settle", "schedule": 60},
    "inbox": {"task": "usage.inbox", "schedule": 60},
    "inbox-mail": {"task": "usage.inbox_mail", "schedule": 60},
    "account-mail": {"task": "portal.send_mail", "schedule": 60},
    "tidy": {"task": "portal.tidy", "schedule": 3600},
    "check-trails": {"task": "portal.check_trails", "schedule": 3600},
    "record-visits": {"task": "portal.record_visits", "schedule": 60},
    "open-periods": {"task": "billing.open_periods", "schedule": 900},
    "refresh-summaries": {"task": "billing.refresh_summaries", "schedule": 60},
    "refresh-statements": {"task": "billing.refresh_statements", "schedule": 60},
    "month-end": {"task": "billing.month_end", "schedule": 60},
    "check-lateness": {"task": "billing.check_lateness", "schedule": 900},
    "remind": {"task": "billing.remind", "schedule": 900},
    "send-mail": {"task": "billing.send_mail", "schedule": 60},
    "digest": {"task": "billing.digest", "schedule": 900},
    "reconcile": {"task": "usage.reconcile", "schedule": _RECONCILE_AT},
    "collect": {"task": "usage.collect", "schedule": _REMOVE_ORPHANS_AT},
}

# S3 may hang: tasks that wait for it have a worker of their own, and hold up nothing
# else. The nightly checks run on the other worker: forwarding does not wait for them.
# Summaries have a worker of their own too, so that long tasks do not delay them.
ROUTES: Mapping[str, Mapping[str, str]] = {
    **{name: {"queue": "forward"} for name in ("usage.forward", "usage.inbox")},
    "billing.refresh_summaries": {"queue": "refresh"},
}
