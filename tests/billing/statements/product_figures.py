"""Computes the figures of a month as the portal does, without a database."""

from collections import defaultdict
from datetime import date
from typing import Any
from zoneinfo import ZoneInfo

import numpy as np

from billing.coverage.periods import Period
from billing.statements.compute.catalogue import Catalogue, Kind
from billing.statements.compute.days import DayUsage, compute_day
from billing.statements.compute.encoding import decode, encode
from billing.statements.compute.figures import figures_of as write_figures
from billing.statements.compute.figures import line_names
from billing.statements.compute.local_days import days_of_period, local_day
from billing.statements.compute.months import join_days
from billing.statements.compute.rows import RowsOfFile, file_rows
from billing.statements.inputs import counted_file
from billing.statements.numbered_users import without_domain
from tests.billing.statements.months import File, Month
from usage.models import UsageFile
from usage.usg import Sessions
from usage.usg.columns import OpenedDay, check, to_body
from usage.usg.limits import DEFAULT_LIMITS
from usage.usg.summary import fold


class NumbersInMemory:
    """Numbers users in the order in which they are seen."""

    def __init__(self) -> None:
        self.by_name: dict[str, int] = {}

    def numbers_of(self, names: tuple[str, ...]) -> Any:
        found = [
            self.by_name.setdefault(name, len(self.by_name)) for name in fold(names)
        ]
        return np.array(found, np.uint32)

    def alike(self) -> Any:
        places: dict[str, int] = {}
        found = [
            places.setdefault(without_domain(name), len(places))
            for name in self.by_name
        ]
        return np.array(found, np.int64)


def figures_of(month: Month) -> dict[str, Any]:
    """Compute day by day, store each day encoded, and join the days."""
    zone = ZoneInfo(month.zone)
    catalogue = Catalogue(1, {key: Kind(kind) for key, kind in month.kinds.items()})
    users = NumbersInMemory()
    by_day: dict[date, list[RowsOfFile]] = defaultdict(list)
    for file in month.files:
        if counts(month, file):
            found = counted_file(as_row(file), zone)
            rows = file_rows(
                opened(file),
                numbers=users.numbers_of(opened(file).users),
                closed_by=file.closed_by,
                shift=found.shift,
            )
            for day in found.days:
                by_day[day].append(rows)
    days = [
        stored(compute_day(rows, local_day(day, zone), catalogue))
        for day, rows in by_day.items()
    ]
    usage = join_days(days, line_names(catalogue), alike=users.alike())
    period = Period.parse(month.period)
    figures = write_figures(
        usage,
        days,
        days_of_period(period, zone),
        catalogue,
        outside=[local_day(one.day, zone) for one in days if one.day not in period],
    )
    figures["lines"] = [_counted(line) for line in figures["lines"]]
    for part in ("days", "outside"):
        figures[part] = [_counted(day) for day in figures[part]]
    return {**figures, "unclassified": catalogue.unclassified(usage.licence_keys)}


def _counted(line: dict[str, Any]) -> dict[str, Any]:
    """Leave out what is not counted: what names a line, and what is owed."""
    return {
        name: value
        for name, value in line.items()
        if name not in ("kind", "licence_key", "unit", "owed", "covered")
    }


def counts(month: Month, file: File) -> bool:
    day = file.assigned_day or file.day
    first = month.first_day
    if month.first_owed_on is not None:
        first = max(first, month.first_owed_on)
    return first <= day <= month.last_day


def stored(usage: DayUsage) -> DayUsage:
    return decode(encode(usage))


def as_row(file: File) -> UsageFile:
    return UsageFile(
        day=file.assigned_day or file.day,
        assigned_day=file.assigned_day,
        opened_at=file.opened_at,
        opened_offset=file.opened_offset,
        closed_at=file.closed_at,
        closed_by=file.closed_by,
    )


def opened(file: File) -> OpenedDay:
    """Open the file as the reader would, from its columns on."""
    users: dict[str, int] = {}
    sets: dict[tuple[str, ...], int] = {}
    sessions = Sessions(
        user=[users.setdefault(row.user, len(users)) for row in file.rows],
        licences=[sets.setdefault(row.licences, len(sets)) for row in file.rows],
        users=list(users),
        licence_sets=list(sets),
        login=[row.login for row in file.rows],
        logout=[row.logout for row in file.rows],
        flags=[row.flags for row in file.rows],
    )
    day, problems = check(
        to_body(sessions),
        opened_at=file.opened_at,
        span=file.span,
        sessions=len(file.rows),
        limits=DEFAULT_LIMITS,
    )
    assert day is not None, problems
    return day
