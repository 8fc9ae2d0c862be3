"""Updates late flags from their periods: voids, restores, completes, reopens them.

`update_flags` runs after the summary is stored, in the same transaction or, for days
that time alone adds, under the tenant's lock. The late check locks the summary's row,
so the later of the two sees what the other did.
"""

from collections.abc import Mapping
from copy import copy
from datetime import datetime, timedelta

from billing.models import LateFlag, PeriodSummary, TenantPeriod, VoidReason
from portal.audit import log as audit_log

# The actor in the audit trail where no person decided.
PORTAL = "the portal"

# After this, requests begun before a deadline have ended, and a listing of an inbox
# that was begun after it has come to its end.
WAIT = timedelta(hours=1)

_COMPUTED_FIELDS = ("still", "voided_at", "void_reason", "completed_at")


def late_days(row: PeriodSummary, *, at: datetime) -> list[str]:
    """Return the server-days that a flag of a period has at an instant.

    Days for which we refused something come later, each an hour after its own instant.
    """
    graced = zip(row.graced, row.graced_until, strict=True)
    return [*row.late, *(day for day, until in graced if until <= at - WAIT)]


def update_flags(
    tenant_id: int, rows: Mapping[str, PeriodSummary], *, at: Mapping[str, datetime]
) -> None:
    """Make the flags of some periods agree with their summaries; one query if none.

    `at` has the instant of the change, by period. In the running unit of work, under
    the tenant's lock.
    """
    if not rows:
        return
    flags = LateFlag.objects.filter(tenant=tenant_id, period__in=list(rows))
    for flag in flags.order_by("pk"):
        _update_flag(flag, rows[flag.period], at=at[flag.period])


def void_earlier(opened: TenantPeriod, *, at: datetime) -> None:
    """Void the flags of a period's earlier deadlines.

    In the running unit of work, under the tenant's lock. Needs no summary: an earlier
    deadline makes nobody late.
    """
    flags = LateFlag.objects.filter(tenant=opened.tenant_id, period=opened.period)
    earlier = flags.exclude(deadline_at=opened.effective_at).filter(voided_at=None)
    for flag in earlier.order_by("pk"):
        _void(flag, VoidReason.EXTENDED, at=at)
        flag.save(update_fields=_COMPUTED_FIELDS)
        _audit(flag, act="late-flag-voided", at=at)


def agrees(flag: LateFlag, row: PeriodSummary, *, at: datetime) -> bool:
    """Return whether a flag agrees with its period's summary at an instant.

    An agreement at an earlier instant counts too: the next run of the late check adds
    the days that time alone adds, once nothing waits for us that could clear them.
    """
    added = (until + WAIT for until in row.graced_until)
    instants = [flag.raised_at, at, *(one for one in added if one <= at)]
    return any(not _is_changed(copy(flag), row, at=one) for one in instants)


def _is_changed(flag: LateFlag, row: PeriodSummary, *, at: datetime) -> bool:
    before = _recorded(flag)
    _make_agree(flag, row, at=at)
    return _recorded(flag) != before


def _update_flag(flag: LateFlag, row: PeriodSummary, *, at: datetime) -> None:
    was_void, was_done = flag.voided_at is not None, flag.completed_at is not None
    was_decided = not flag.undecided_days
    if not _is_changed(flag, row, at=at):
        return
    flag.save(update_fields=_COMPUTED_FIELDS)
    is_void, is_done = flag.voided_at is not None, flag.completed_at is not None
    if is_void and not was_void:
        _audit(flag, act="late-flag-voided", at=at)
    elif was_void and not is_void:
        _audit(flag, act="late-flag-stands-again", at=at)
    elif was_decided and flag.undecided_days:
        _audit(flag, act="late-flag-reopened", at=at)
    if is_done and not was_done:
        _audit(flag, act="late-flag-completed", at=at)
    elif was_done and not is_done and not is_void:
        _audit(flag, act="late-flag-not-complete", at=at)


def _make_agree(flag: LateFlag, row: PeriodSummary, *, at: datetime) -> None:
    if row.deadline_at != flag.deadline_at:
        # The deadline moved: nothing is late by the old one any more, for good.
        _void(flag, VoidReason.EXTENDED, at=at)
    elif not (late := late_days(row, at=max(at, flag.raised_at))):
        flag.still = []
        _void(flag, VoidReason.PROVED_WRONG, at=at)
        flag.completed_at = None
    else:
        flag.still = late
        flag.voided_at, flag.void_reason = None, ""
        is_done = row.covered == row.owed and not row.lacks_servers
        flag.completed_at = (flag.completed_at or at) if is_done else None


def _recorded(flag: LateFlag) -> tuple[object, ...]:
    return tuple(getattr(flag, name) for name in _COMPUTED_FIELDS)


def _void(flag: LateFlag, reason: VoidReason, *, at: datetime) -> None:
    # Keep the first reason.
    if flag.voided_at is None:
        flag.voided_at, flag.void_reason = at, reason


def _audit(flag: LateFlag, *, act: str, at: datetime) -> None:
    audit_log.append(
        tenant_id=flag.tenant_id,
        actor=PORTAL,
        act=act,
        subject=flag.period,
        details={
            "deadline_at": flag.deadline_at.isoformat(),
            "late": len(flag.still),
            "why": str(flag.void_reason),
        },
        at=at,
    )
