"""Loads what the statement of a period is computed from, and says which days are stale.

A day is computed from the files that touch it, by the rules, in a zone, with the kinds
of the licence keys that its rows hold. `inputs_sha256` covers all of that: a stored
day with the same hash need not be computed again, whatever has happened in between.
"""

import hashlib
from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta, tzinfo
from typing import Any

from django.db import connection
from django.db.models import Q

from billing.coverage.periods import Period, zone_named
from billing.models import CurrentStatement, StatementMark, TenantPeriod, UsageDay
from billing.statements import catalogue as catalogues
from billing.statements import sql
from billing.statements.compute import encoding
from billing.statements.compute.catalogue import Catalogue
from billing.statements.compute.figures import RULES, canonical
from billing.statements.compute.local_days import LocalDay, days_between, local_day
from portal.models import Tenant
from usage.models import FileState, UsageFile

_A_DAY = 86_400


@dataclass(frozen=True, slots=True, eq=False)
class CountedFile:
    """A file that counts for a period; `shift` is that of its assigned day, in seconds.

    `days` are the local days that it may have rows on.
    """

    file: UsageFile
    shift: int | None
    days: tuple[date, ...]

    @property
    def sha256(self) -> str:
        return bytes(self.file.sha256).hex()


@dataclass(frozen=True, slots=True, eq=False, kw_only=True)
class PeriodInputs:
    """All that a statement of a tenant and period is computed from, as of one moment.

    `generation` is that of the newest mark which is taken into account by that.
    `stored` has the usage of days that was computed before, up to date or not.
    """

    tenant: Tenant
    period: Period
    zone_name: str
    generation: int
    catalogue: Catalogue
    files: tuple[CountedFile, ...]
    stored: Mapping[date, UsageDay]
    by_day: Mapping[date, tuple[CountedFile, ...]] = field(init=False)

    def __post_init__(self) -> None:
        found: dict[date, list[CountedFile]] = defaultdict(list)
        for one in self.files:
            for day in one.days:
                found[day].append(one)
        by_day = {day: tuple(found[day]) for day in sorted(found)}
        object.__setattr__(self, "by_day", by_day)

    @property
    def zone(self) -> tzinfo:
        return zone_named(self.zone_name)

    def local_day(self, day: date) -> LocalDay:
        return local_day(day, self.zone)

    def inputs_sha256(self, day: date, licence_keys: Iterable[str]) -> bytes:
        """Hash what a day is computed from, if its rows hold these licence keys."""
        bounds = self.local_day(day)
        content = [
            RULES,
            encoding.FORMAT,
            [bounds.starts_at, bounds.ends_at, *bounds.hours],
            sorted((one.sha256, one.shift) for one in self.by_day[day]),
            self.catalogue.kinds_of(licence_keys),
        ]
        return hashlib.sha256(canonical(content)).digest()

    def is_stale(self, day: date, *, with_unreadable: bool = False) -> bool:
        """Say whether a day has to be computed.

        With `with_unreadable`, also because files did not open the last time.
        """
        stored = self.stored.get(day)
        if stored is None or (with_unreadable and stored.unreadable):
            return True
        expected = self.inputs_sha256(day, stored.licence_keys)
        return bytes(stored.inputs_sha256) != expected

    def stale_days(self, *, with_unreadable: bool = False) -> list[date]:
        return [
            day
            for day in self.by_day
            if self.is_stale(day, with_unreadable=with_unreadable)
        ]


def load(tenant: Tenant, period: Period, *, with_usage: bool = False) -> PeriodInputs:
    """Load the inputs of an opened period; in one moment's unit of work of the tenant.

    With the encoded usage of its days, or without. In a fixed set of queries.
    """
    opened = TenantPeriod.objects.get(tenant=tenant, period=str(period))
    zone = zone_named(opened.zone)
    stored = UsageDay.objects.filter(tenant=tenant, period=str(period))
    if not with_usage:
        stored = stored.defer("usage")
    return PeriodInputs(
        tenant=tenant,
        period=period,
        zone_name=opened.zone,
        generation=_generation(tenant, period),
        catalogue=catalogues.catalogue_of(str(period)),
        files=tuple(counted_file(file, zone) for file in _files(tenant, period)),
        stored={one.day: one for one in stored},
    )


def stale_periods(tenant_id: int, periods: Iterable[str], *, at: datetime) -> set[str]:
    """Return which periods of a tenant lack a current statement that is up to date."""
    parameters: dict[str, Any] = {
        "tenant": tenant_id,
        "periods": list(periods),
        "rules": RULES,
        "at": at,
    }
    with connection.cursor() as cursor:
        cursor.execute(sql.STALE, parameters)
        return {period for (period,) in cursor.fetchall()}


def _generation(tenant: Tenant, period: Period) -> int:
    name = str(period)
    marks = StatementMark.objects.filter(
        tenant=tenant, first_period__lte=name, last_period__gte=name
    )
    current = CurrentStatement.objects.filter(tenant=tenant, period=name)
    found = [
        *marks.values_list("generation", flat=True),
        *current.values_list("generation", flat=True),
    ]
    return max(found, default=0)


def _files(tenant: Tenant, period: Period) -> Iterable[UsageFile]:
    """Return the files that count: the rule is that of the calendar."""
    first = period.starts_on
    if tenant.first_owed_on is not None:
        first = max(first, tenant.first_owed_on)
    files = UsageFile.objects.filter(
        Q(day__gte=first) & Q(day__lte=period.ends_on),
        tenant=tenant,
        state=FileState.ACCEPTED,
    )
    return files.select_related("server").order_by("opened_at", "sha256")


def counted_file(file: UsageFile, zone: tzinfo) -> CountedFile:
    if file.opened_at is None or file.closed_at is None:
        message = "An accepted file has its times."
        raise RuntimeError(message)
    shift = _shift(file.assigned_day, file.opened_at, file.opened_offset or 0)
    first = int(file.opened_at.timestamp()) + (shift or 0)
    span = max(0, int((file.closed_at - file.opened_at).total_seconds()))
    last = first + max(span, 1) - 1
    return CountedFile(file, shift, tuple(days_between(first, last, zone)))


def _shift(assigned: date | None, opened_at: datetime, offset: int) -> int | None:
    if assigned is None:
        return None
    wall = opened_at.astimezone(UTC) + timedelta(minutes=offset)
    return (assigned - wall.date()).days * _A_DAY
