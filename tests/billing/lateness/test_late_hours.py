"""The late check flags the same tenants whenever it runs, in eight zones."""

from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from random import Random
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from django.db import connections

from billing.coverage import periods
from billing.lateness import check as late_check
from billing.models import LateFlag
from billing.periods import refresh
from portal.db import unit_of_work
from portal.models import AuditEntry
from tests.billing.lateness.late_tenants import (
    BEFORE,
    DAY,
    HOUR,
    LAST,
    MAY,
    SECOND,
    broken_invariants,
    open_periods,
    open_short,
)
from tests.builders import Company

ZONES = (
    "Pacific/Kiritimati",
    "Asia/Tokyo",
    "Asia/Kolkata",
    "Europe/Berlin",
    "America/Sao_Paulo",
    "America/New_York",
    "America/Los_Angeles",
    "Pacific/Pago_Pago",
)
BEGIN = datetime(2026, 6, 3, tzinfo=UTC)
END = datetime(2026, 6, 7, tzinfo=UTC)
HOURS = [BEGIN + number * HOUR for number in range((END - BEGIN) // HOUR)]
AT_LAST = END + DAY

EVIDENCE = ["2026-05-27 IC01"]

Check = Callable[[Random], Iterable[datetime]]


def due(zone: str) -> datetime:
    return periods.deadline_at(MAY, ZoneInfo(zone), late_from=5)


class TenantsInZones:
    """In each zone: who is in time by a second, late by none, and never here."""

    def __init__(self) -> None:
        self.uploads: list[tuple[datetime, Company, bytes]] = []
        self.late: dict[str, datetime] = {}
        self.done: set[str] = set()
        for zone in ZONES:
            self._add_tenant(zone, "in-time", -SECOND)
            self._add_tenant(zone, "late", 0 * SECOND)
            self._add_tenant(zone, "never", None)
        open_periods()

    def _add_tenant(self, zone: str, name: str, after: timedelta | None) -> None:
        place = zone.rpartition("/")[2].replace("_", "-")
        company = open_short(f"{name}-{place}", zone=zone)
        first, last = (company.server.day(day) for day in (LAST - DAY, LAST))
        self.uploads.append((BEFORE, company, first))
        if after is not None:
            self.uploads.append((due(zone) + after, company, last))
        if name != "in-time":
            self.late[company.number] = due(zone)
        if name == "late":
            self.done.add(company.number)

    def upload_and_check(self, checks: Iterable[datetime]) -> None:
        """Let files come and checks run, each at its time."""
        uploads = sorted(self.uploads, key=lambda one: one[0])
        for at in checks:
            while uploads and uploads[0][0] <= at:
                came_at, company, data = uploads.pop(0)
                company.send(data, at=came_at)
            late_check.check_lateness(at)
        for came_at, company, data in uploads:
            company.send(data, at=came_at)

    def assert_flagged_once(self) -> None:
        """Check that exactly the late tenants are flagged, once, with audit entries."""
        with unit_of_work.acting_for(unit_of_work.STAFF, reading=True):
            found = list(LateFlag.objects.select_related("tenant"))
            acts = AuditEntry.objects.filter(act="late-flag-raised")
            audited = sorted(acts.values_list("tenant__number", flat=True))
        assert {one.tenant.number: one.deadline_at for one in found} == self.late
        assert len(found) == len(self.late)
        assert [one.evidence for one in found] == [EVIDENCE] * len(found)
        assert {one.tenant.number for one in found if one.completed_at} == self.done
        assert not any(one.voided_at for one in found)
        assert all(one.raised_at >= one.deadline_at + HOUR for one in found)
        assert audited == sorted(self.late)
        assert broken_invariants(AT_LAST) == set()


@pytest.fixture
def zones(db: None, settings: Any) -> TenantsInZones:
    settings.INBOX_BUCKET = ""
    return TenantsInZones()


def hourly(_rng: Random) -> list[datetime]:
    return HOURS


def once_at_the_end(_rng: Random) -> list[datetime]:
    return [AT_LAST]


def doubled_or_missing(rng: Random) -> list[datetime]:
    return [*sorted(rng.choices(HOURS, k=24)), AT_LAST]


@pytest.mark.parametrize("beats", [hourly, once_at_the_end, doubled_or_missing])
def test_the_same_are_late_whenever_it_runs(
    zones: TenantsInZones, beats: Check
) -> None:
    zones.upload_and_check(beats(Random(5)))
    zones.assert_flagged_once()


def test_an_hour_after_each_deadline_and_not_a_second_before(
    zones: TenantsInZones,
) -> None:
    zones.upload_and_check([])
    refresh.refresh_all(seconds=60)
    for zone in ZONES:
        edge = due(zone) + HOUR
        assert late_check.check_lateness(edge - SECOND).raised == 0
        assert late_check.check_lateness(edge).raised == 2
    zones.assert_flagged_once()


def test_five_at_once_in_any_order(zones: TenantsInZones) -> None:
    zones.upload_and_check([])

    def run(number: int) -> int:
        beats = [*HOURS[::3], AT_LAST]
        Random(number).shuffle(beats)
        try:
            return sum(late_check.check_lateness(at).raised for at in beats)
        finally:
            connections.close_all()

    with ThreadPoolExecutor(5) as pool:
        raised = sum(pool.map(run, range(5)))
    assert raised == len(zones.late)
    zones.assert_flagged_once()
