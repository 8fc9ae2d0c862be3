"""Creates tenants with and without late flags, for tests of decisions about them."""

from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest

from billing.coverage.periods import Period
from billing.lateness import check as late_check
from billing.models import LateFlag, PeriodSummary, TenantPeriod
from billing.periods import open_periods as period_open_periods
from billing.periods import refresh, update_flags
from portal.db import unit_of_work
from portal.health import invariants
from portal.models import AuditEntry, Tenant
from tests.builders import NOW, Company, open_company
from usage.models import FileState
from usage.uploads import read_file

MAY = Period(2026, 5)
FIRST, LAST = MAY.starts_on, MAY.ends_on
DAY, HOUR, SECOND = timedelta(days=1), timedelta(hours=1), timedelta(seconds=1)
BEFORE = datetime(2026, 6, 2, 12, tzinfo=UTC)

# Midnight that ends 4 June in Berlin, and the first run that may say so.
DUE = datetime(2026, 6, 4, 22, tzinfo=UTC)
CHECKED = DUE + update_flags.WAIT
AFTER = CHECKED + HOUR


def may(day: int) -> date:
    return date(2026, 5, day)


def open_periods() -> None:
    period_open_periods.open_current_periods(today=date(2026, 6, 3), at=NOW)
    refresh.refresh_all(seconds=60)


def send_month(
    company: Company,
    *,
    without: frozenset[int] = frozenset(),
    first: date = FIRST,
    at: datetime = BEFORE,
) -> list[bytes]:
    """Send a file a day and one more; return those left out, by their number."""
    files = company.server.days(first, LAST + DAY)
    for number, data in enumerate(files, start=1):
        if number not in without:
            company.send(data, at=at)
    return [data for number, data in enumerate(files, start=1) if number in without]


def flags(company: Company) -> list[LateFlag]:
    refresh.refresh_all(seconds=60)
    with unit_of_work.acting_for(company.id, reading=True):
        return list(LateFlag.objects.order_by("pk"))


def flag(company: Company) -> LateFlag:
    (found,) = flags(company)
    return found


def opened(company: Company, period: Period = MAY) -> TenantPeriod:
    with unit_of_work.acting_for(company.id, reading=True):
        return TenantPeriod.objects.get(period=str(period))


def summary_row(company: Company, period: Period = MAY) -> PeriodSummary:
    refresh.refresh_all(seconds=60)
    with unit_of_work.acting_for(company.id, reading=True):
        return PeriodSummary.objects.get(period=str(period))


def audited_acts(company: Company) -> list[str]:
    """Return what the audit trail tells of deadlines and flags."""
    with unit_of_work.acting_for(company.id, reading=True):
        acts = AuditEntry.objects.filter(tenant=company.id).order_by("number")
        names = list(acts.values_list("act", flat=True))
    return [name for name in names if name.startswith(("late-", "deadline-"))]


def numbers_of_late() -> set[str]:
    """Return the numbers of all tenants with a flag that is not void."""
    refresh.refresh_all(seconds=60)
    with unit_of_work.acting_for(unit_of_work.STAFF, reading=True):
        found = LateFlag.objects.filter(voided_at=None)
        return set(
            Tenant.objects.filter(pk__in=found.values("tenant")).values_list(
                "number", flat=True
            )
        )


def run_check(at: datetime) -> int:
    """Run the check; return how many flags it raised. Nothing else is broken by it."""
    return late_check.check_lateness(at).raised


def broken_invariants(at: datetime) -> set[tuple[str, bool]]:
    """Name the invariants of rows that do not hold, and whether they are breaches."""
    found = invariants.findings(
        tenants=invariants.tenants_to_check(), reads=invariants.CheckCost.ROWS, at=at
    )
    return {(one.invariant.name, one.finding.is_breach) for one in found}


def open_short(number: str, *, zone: str = "Europe/Berlin") -> Company:
    """Open a company that owes the last two days of May's period only."""
    return open_company(number, name=number, zone=zone, first_owed_on=LAST - DAY)


def received_only(company: Company, data: bytes, *, at: datetime) -> str:
    """Bring in a file that cannot be judged for now."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(read_file, "read_file", _away)
        file, _ = company.send(data, at=at)
    assert file.state == FileState.RECEIVED
    return str(file.pk)


def _away(*_: object) -> Any:
    raise OSError("no key service")
