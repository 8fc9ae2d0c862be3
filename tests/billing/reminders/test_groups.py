"""The groups of periods that reminders are planned for leave nobody out."""

from collections.abc import Iterator
from datetime import datetime, timedelta
from random import Random

import pytest

from billing.coverage.periods import Period, deadline_at, zone_named
from billing.coverage.reminder_dates import DueStep
from billing.models import LateFlag, TenantPeriod, VoidReason
from billing.reminders import plan as reminder_plan
from portal.db import unit_of_work
from portal.models import Tenant
from tests.builders import NOW

ZONES = ("America/Los_Angeles", "Europe/Berlin", "Pacific/Kiritimati")
PERIODS = tuple(Period(2026, month) for month in range(2, 8))
HOUR, DAY = timedelta(hours=1), timedelta(days=1)

Due = tuple[Period, str, datetime, datetime | None, DueStep]


def open_random_periods(rng: Random, *, count: int) -> None:
    """Open periods of tenants in all zones; some are extended, moved, or flagged."""
    for number in range(count):
        tenant = Tenant.objects.create(
            number=f"R-{number}",
            name=f"Random {number}",
            zone=rng.choice(ZONES),
            first_owed_on=PERIODS[0].starts_on,
            created_at=NOW,
        )
        for period in PERIODS:
            zone = rng.choice([tenant.zone, tenant.zone, *ZONES])
            due = deadline_at(period, zone_named(zone))
            extended = rng.choice([None, None, due + rng.randint(1, 60) * DAY])
            opened = TenantPeriod.objects.create(
                tenant=tenant,
                period=str(period),
                zone=zone,
                deadline_at=due,
                extended_to=extended,
                opened_at=NOW,
            )
            if rng.random() < 1 / 2:
                flag(rng, opened)


def flag(rng: Random, opened: TenantPeriod) -> None:
    raised_at = opened.effective_at + HOUR
    late = ["2026-05-07 IC01"]
    is_void = rng.random() < 1 / 3
    LateFlag.objects.create(
        tenant=opened.tenant,
        period=opened.period,
        deadline_at=rng.choice([opened.effective_at, opened.deadline_at]),
        raised_at=raised_at,
        evidence=late,
        still=late,
        waived=rng.choice([[], [], late]),
        voided_at=raised_at if is_void else None,
        void_reason=VoidReason.values[0] if is_void else "",
        completed_at=rng.choice([None, None, raised_at]),
    )


def one_by_one(at: datetime) -> Iterator[Due]:
    """Yield what is due for each period of each tenant."""
    flags = {
        (one.tenant_id, one.period, one.deadline_at): one.raised_at
        for one in LateFlag.objects.filter(voided_at=None, completed_at=None)
        if not set(one.still) <= {*one.waived, *one.decided}
    }
    for opened in TenantPeriod.objects.select_related("tenant"):
        group = reminder_plan._PeriodGroup(
            Period.parse(opened.period),
            opened.tenant.zone,
            opened.effective_at,
            flags.get((opened.tenant_id, opened.period, opened.effective_at)),
            None,
        )
        yield from due_of(group, at)


def due_of(group: reminder_plan._PeriodGroup, at: datetime) -> Iterator[Due]:
    due = reminder_plan._due_step(group, at=at)
    if due is not None:
        yield group.period, group.zone, group.deadline_at, group.flagged_at, due


@pytest.mark.usefixtures("db")
@pytest.mark.parametrize("seed", range(2))
def test_what_is_due_for_a_group_is_due_for_its_tenants(seed: int) -> None:
    rng = Random(seed)
    with unit_of_work.acting_for(unit_of_work.STAFF):
        open_random_periods(rng, count=15)
    found = 0
    for hours in range(0, 24 * 200, 31):
        at = datetime.fromisoformat("2026-03-20T00:00:00+00:00") + hours * HOUR
        with unit_of_work.acting_for(unit_of_work.STAFF, reading=True):
            wanted = set(one_by_one(at))
            groups = reminder_plan._load_groups(at=at)
        grouped = {due for group in groups for due in due_of(group, at)}
        assert wanted <= grouped
        # Others are of groups whose tenants all have flags: they are due for nobody.
        assert all(flagged_at is None for *_, flagged_at, _ in grouped - wanted)
        found += len(wanted)
    assert found
