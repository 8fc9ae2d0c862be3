"""What a tenant has asked for and staff have answered; what was asked for too late."""

from collections.abc import Iterable

from django.db.models import QuerySet

from billing.coverage.periods import Period
from billing.lateness.text import DAY_LETTERS
from billing.models import Excuse, LateFlag, LicenceRequest, TenantPeriod
from billing.requests.text import RequestRow, excuse_rows, licence_rows
from portal.approvals import AnyRequest, Decision

# Answers on the page of a tenant: the newest; the audit trail has all.
_SHOWN = 10

_ANSWERS = (Decision.APPROVED, Decision.REFUSED)


def answered_requests() -> list[RequestRow]:
    """Return what staff have answered last, newest first, in a tenant's unit of work.

    Two queries, however much was asked for.
    """
    found = [
        *excuse_rows(_newest(Excuse.objects.select_related("server"))),
        *licence_rows(_newest(LicenceRequest.objects.all())),
    ]
    newest = sorted(
        found, key=lambda row: row.one.decided_at or row.one.asked_at, reverse=True
    )
    return newest[:_SHOWN]


def late_excuses(
    found: Iterable[Excuse], opened: Iterable[TenantPeriod], flags: Iterable[LateFlag]
) -> set[int]:
    """Return the keys of excuses that were asked for after the deadline.

    Approving one of those does not undo lateness. Numbers of files do not say which
    period they are of: then the server has to stand in a flag of such a deadline.
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


def _newest(found: QuerySet[AnyRequest]) -> QuerySet[AnyRequest]:
    decided = found.filter(decision__in=_ANSWERS)
    return decided.order_by("-decided_at", "-pk")[:_SHOWN]
