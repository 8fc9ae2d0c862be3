"""Ends excuses whose files were accepted after all, and reopens them if that changes.

Only undecided excuses end: an approved excuse stays, but accepted files take precedence
over it. An ended excuse waits for nobody, but still counts as requested when lateness
is judged, because the tenant requested it in time.
"""

from collections.abc import Iterable, Mapping
from datetime import date, datetime

from django.db.models import Q

from billing.coverage.cells import CellState
from billing.coverage.periods import Period
from billing.coverage.summary import NOT_OWED, STRIP
from billing.models import Excuse, ServerPeriodSummary
from portal.audit import log as audit_log
from usage.models import FileState, UsageFile

# The actor of these entries in the audit trail.
_PORTAL = "portal"

# Letters of a strip for days whose files were received, or never written.
_BY_FILES = frozenset(
    letter
    for letter, state in STRIP.items()
    if state in (CellState.RECEIVED, CellState.SILENT)
)

# Letters of days that need no file for another reason: not owed, or excused already.
_NEED_NOTHING = frozenset(
    [NOT_OWED, *(one for one, state in STRIP.items() if state is CellState.EXCUSED)]
)


def update_answered(tenant_id: int, excuses: Iterable[Excuse], *, at: datetime) -> None:
    """Set or clear `answered_at` of undecided excuses, by the stored summaries.

    Call it in a unit of work that holds the tenant's lock, after the summaries of the
    servers were stored. `excuses` have their servers loaded.
    """
    undecided = [one for one in excuses if not one.decision]
    if not undecided:
        return
    strips = _strips(tenant_id, undecided)
    for one in undecided:
        is_answered = _is_answered(one, strips)
        if is_answered == (one.answered_at is not None):
            continue
        one.answered_at = at if is_answered else None
        one.save(update_fields=["answered_at"])
        audit_log.append(
            tenant_id=tenant_id,
            actor=_PORTAL,
            act="excuse-answered" if is_answered else "excuse-reopened",
            subject=one.server.name,
            details={"excuse": one.pk, "days": ", ".join(map(str, one.days))},
            at=at,
        )


def _strips(
    tenant_id: int, excuses: Iterable[Excuse]
) -> Mapping[tuple[int, Period], str]:
    periods = {Period.containing(day) for one in excuses for day in one.days}
    rows = ServerPeriodSummary.objects.filter(
        tenant=tenant_id,
        period__in=[str(one) for one in periods],
        server__in=[one.server_id for one in excuses],
    )
    return {
        (server_id, Period.parse(name)): strip
        for server_id, name, strip in rows.values_list("server", "period", "strip")
    }


def _is_answered(one: Excuse, strips: Mapping[tuple[int, Period], str]) -> bool:
    if one.first_sequence is not None and one.last_sequence is not None:
        numbers = Q(sequence__gte=one.first_sequence, sequence__lte=one.last_sequence)
        accepted = UsageFile.objects.filter(
            numbers, server=one.server_id, series=one.series, state=FileState.ACCEPTED
        )
        return accepted.count() == one.last_sequence - one.first_sequence + 1
    letters = {_letter(one.server_id, day, strips) for day in one.days}
    return bool(letters & _BY_FILES) and letters <= _BY_FILES | _NEED_NOTHING


def _letter(server_id: int, day: date, strips: Mapping[tuple[int, Period], str]) -> str:
    period = Period.containing(day)
    strip = strips.get((server_id, period), "")
    return strip[(day - period.starts_on).days] if strip else ""
