"""Records staff's decisions on a late flag: days that are waived, a consequence.

Each is one transaction under the tenant's lock, with a reason, and is recorded in the
audit trail. The period's summary is refreshed before, and the flag with it. The portal
itself disables nothing.
"""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import datetime

from billing.models import Consequence, LateFlag
from billing.periods import refresh
from portal.approvals import required
from portal.audit import log as audit_log
from portal.db import unit_of_work
from portal.errors import Refused

_DECIDED = ("consequence", "decision_reason", "decided", "decided_at", "decided_by")


@dataclass(frozen=True, slots=True)
class ConsequenceChoice:
    """A consequence, and the one that was shown to whoever decides, empty for none yet.

    It may be changed, but not unseen. `days` are the server-days that were shown: it is
    for no others that came meanwhile.
    """

    consequence: str
    seen: str
    days: Collection[str]


def waive(
    tenant_id: int,
    *,
    flag_id: int,
    cells: Collection[str],
    by: str,
    at: datetime,
    reason: str,
) -> LateFlag:
    """Waive some server-days of a flag; days that are added later reopen it.

    `cells` are server-days as the flag has them, "2026-05-07 IC01".

    Raises:
        Refused: one of them is not open (any more), there is none, there is no reason,
            or no such flag.

    """
    reason = required(reason)
    with refresh.holding_fresh_period(tenant_id, _period_of(tenant_id, flag_id)):
        flag = _found(flag_id)
        chosen = set(cells)
        if not chosen or not chosen <= set(flag.open_days):
            raise Refused("decided-already")
        flag.waived = sorted({*flag.waived, *chosen})
        flag.waived_at, flag.waived_by, flag.waive_reason = at, by[:200], reason
        flag.save(update_fields=["waived", "waived_at", "waived_by", "waive_reason"])
        first, *others = sorted(chosen)
        details: dict[str, audit_log.Detail] = {
            "days": len(chosen),
            "first": first,
            "left": len(flag.open_days),
        }
        details |= {"last": others[-1]} if others else {}
        _audit(
            flag, act="late-days-waived", by=by, at=at, details=details, reason=reason
        )
    return flag


def decide(
    tenant_id: int,
    *,
    flag_id: int,
    choice: ConsequenceChoice,
    by: str,
    at: datetime,
    reason: str,
) -> LateFlag:
    """Record the consequence of being late: none, penalty, disablement requested.

    For the days that were shown; days that are added later reopen it.

    Raises:
        Refused: it was decided meanwhile, the flag is void, no such consequence, there
            is no reason, or no such flag.

    """
    reason = required(reason)
    if choice.consequence not in Consequence.values:
        raise Refused("not-found")
    with refresh.holding_fresh_period(tenant_id, _period_of(tenant_id, flag_id)):
        flag = _found(flag_id)
        if flag.voided_at is not None or flag.consequence != choice.seen:
            raise Refused("decided-already")
        flag.consequence, flag.decision_reason = choice.consequence, reason
        flag.decided_at, flag.decided_by = at, by[:200]
        flag.decided = [one for one in flag.still if one in choice.days]
        flag.save(update_fields=_DECIDED)
        details = {"consequence": choice.consequence, "was": choice.seen}
        _audit(flag, act="late-decided", by=by, at=at, details=details, reason=reason)
    return flag


def _period_of(tenant_id: int, flag_id: int) -> str:
    """Return the period of a flag, which never changes."""
    with unit_of_work.acting_for(tenant_id, reading=True):
        return _found(flag_id).period


def _found(flag_id: int) -> LateFlag:
    flag = LateFlag.objects.filter(pk=flag_id).first()
    if flag is None:
        raise Refused("not-found")
    return flag


def _audit(
    flag: LateFlag,
    *,
    act: str,
    by: str,
    at: datetime,
    details: Mapping[str, audit_log.Detail],
    reason: str,
) -> None:
    about = {"deadline_at": flag.deadline_at.isoformat()}
    audit_log.append(
        tenant_id=flag.tenant_id,
        actor=by,
        act=act,
        subject=flag.period,
        details={**about, **details, "reason": reason},
        at=at,
    )
