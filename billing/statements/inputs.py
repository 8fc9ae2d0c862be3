"""Loads the inputs of a period's statement, and finds the days that are stale.

A day is computed from the files that touch it, by the rules, in a zone, with the kinds
of the licence keys that its rows hold. `inputs_sha256` covers all of that: a stored
day with the same hash is not computed again, whatever has happened in between.
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

# What a statement needs of a file and its server: a file has some forty columns, and a
# large month over a thousand files.
_FILE_COLUMNS = (
    *("tenant", "server__name", "name", "series", "sequence", "day", "assigned_day"),
    *("opened_at", "closed_at", "opened_offset", "closed_by", "received_at"),
    *("size", "sha256", "stored_as", "bytes_removed_at"),
)

# The longest span of a file that is counted, in seconds: three periods. A longer one is
# a fault of the clock, and each of its days would have to be computed.
LONGEST_SPAN = 100 * _A_DAY


@dataclass(frozen=True, slots=True, eq=False)
class CountedFile:
    """A file that counts for a period; `days` are those on which it may have rows.

    `shift` is that of its assigned day in seconds, None without one. A file without
    `days` cannot be counted.
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

    `generation` is that of the newest mark that the inputs include. `by_day` has the
    files that touch each local day; `stored` the stored ones of these days, stale or
    not, and `gone` the stored days that no file touches any more.
    """

    tenant: Tenant
    period: Period
    zone_name: str
    generation: int
    catalogue: Catalogue
    files: tuple[CountedFile, ...]
    all_stored: Mapping[date, UsageDay]
    by_day: Mapping[date, tuple[CountedFile, ...]] = field(init=False)
    stored: Mapping[date, UsageDay] = field(init=False)
    gone: tuple[date, ...] = field(init=False)

    def __post_init__(self) -> None:
        found: dict[date, list[CountedFile]] = defaultdict(list)
        for one in self.files:
            for day in one.days:
                found[day].append(one)
        by_day = {day: tuple(found[day]) for day in sorted(found)}
        stored = {day: one for day, one in self.all_stored.items() if day in by_day}
        object.__setattr__(self, "by_day", by_day)
        object.__setattr__(self, "stored", stored)
        object.__setattr__(self, "gone", tuple(self.all_stored.keys() - by_day.keys()))

    @property
    def zone(self) -> tzinfo:
        return zone_named(self.zone_name)

    def local_day(self, day: date) -> LocalDay:
        return local_day(day, self.zone)

    def inputs_sha256(self, day: date, licence_keys: Iterable[str]) -> bytes:
        """Hash the inputs of a day whose rows hold these keys, without endings."""
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
        """Return whether a day has to be computed.

        With `with_unreadable`, also if files of it did not open the last time.
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
    """Load the inputs of an opened period, in a repeatable-read unit of work.

    `with_usage` loads the encoded usage of stored days too. The number of queries does
    not depend on the number of files or days.
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
        all_stored={one.day: one for one in stored},
    )


def stale_periods(tenant_id: int, periods: Iterable[str], *, at: datetime) -> set[str]:
    """Return the periods of a tenant whose current statement is stale or not stored."""
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
    """Return the files that count for the period, by the rule of the calendar."""
    first = period.starts_on
    if tenant.first_owed_on is not None:
        first = max(first, tenant.first_owed_on)
    files = UsageFile.objects.filter(
        Q(day__gte=first) & Q(day__lte=period.ends_on),
        tenant=tenant,
        state=FileState.ACCEPTED,
    )
    return (
        files.select_related("server")
        .only(*_FILE_COLUMNS)
        .order_by("opened_at", "sha256")
    )


def counted_file(file: UsageFile, zone: tzinfo) -> CountedFile:
    """Return an accepted file with its shift and its local days in a zone."""
    if file.opened_at is None or file.closed_at is None:
        message = "An accepted file has its times."
        raise RuntimeError(message)
    shift = _shift(file.assigned_day, file.opened_at, file.opened_offset or 0)
    first = int(file.opened_at.timestamp()) + (shift or 0)
    span = max(0, int((file.closed_at - file.opened_at).total_seconds()))
    if span > LONGEST_SPAN:
        return CountedFile(file, shift, ())
    last = first + max(span, 1) - 1
    return CountedFile(file, shift, tuple(days_between(first, last, zone)))


def _shift(assigned: date | None, opened_at: datetime, offset: int) -> int | None:
    if assigned is None:
        return None
    wall = opened_at.astimezone(UTC) + timedelta(minutes=offset)
    return (assigned - wall.date()).days * _A_DAY
