"""Loads a tenant's decided requests, and finds excuses requested after the deadline."""

from collections.abc import Iterable

from django.db.models import Q, QuerySet
from django.db.models.functions import Coalesce

from billing.coverage.periods import Period
from billing.lateness.text import DAY_LETTERS
from billing.models import Excuse, LateFlag, LicenceRequest, TenantPeriod
from billing.requests.presenters import RequestRow, excuse_rows, licence_rows
from portal.approvals import AnyRequest, Decision

# Newest decisions on the page of a tenant; the audit trail has all of them.
_SHOWN = 10

_DECISIONS = (Decision.APPROVED, Decision.REFUSED)


def decided_requests() -> list[RequestRow]:
    """Return the latest decided requests, newest first, in a tenant's unit of work.

    Two queries, whatever the number of requests.
    """
    found = [
        *excuse_rows(_newest_excuses()),
        *licence_rows(_newest(LicenceRequest.objects.all())),
    ]
    newest = sorted(
        found, key=lambda row: row.ended_at or row.one.asked_at, reverse=True
    )
    return newest[:_SHOWN]


def late_excuses(
    found: Iterable[Excuse], opened: Iterable[TenantPeriod], flags: Iterable[LateFlag]
) -> set[int]:
    """Return the primary keys of excuses that were requested after the deadline.

    Approving such an excuse does not undo lateness. File numbers do not determine a
    period: then the server has to be in a flag of such a deadline.
    """
    deadlines = {one.period: one.effective_at for one in opened}
    missed = [
        (flag.deadline_at, {name[DAY_LETTERS + 1 :] for name in flag.open_days})
        for flag in flags
    ]
    late = set()
    for one in found:
        names = {str(Period.containing(day)) for day in one.days}
        passed = [deadlines[name] for name in names if name in deadlines]
        if not names:
            passed = [when for when, servers in missed if one.server.name in servers]
        if passed and min(passed) <= one.asked_at:
            late.add(one.pk)
    return late


def _newest_excuses() -> QuerySet[Excuse]:
    """Return decided excuses, and those that accepted files have answered."""
    ended = Q(decision__in=_DECISIONS) | Q(decision="", answered_at__isnull=False)
    found = Excuse.objects.select_related("server").filter(ended)
    return found.order_by(Coalesce("decided_at", "answered_at").desc(), "-pk")[:_SHOWN]


def _newest(found: QuerySet[AnyRequest]) -> QuerySet[AnyRequest]:
    decided = found.filter(decision__in=_DECISIONS)
    return decided.order_by("-decided_at", "-pk")[:_SHOWN]
