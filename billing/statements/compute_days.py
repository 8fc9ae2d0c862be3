"""Computes the stale days of a period from the files, and stores them.

Outside of the tenant's lock: what is stored is the usage of exactly the inputs that its
hash names, so that it cannot be wrong, only unneeded. Files are opened once in a run,
and kept only while a later day needs them too.
"""

import logging
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from datetime import date, datetime
from uuid import UUID

from billing.models import UsageDay
from billing.statements import numbered_users
from billing.statements.compute import encoding
from billing.statements.compute.catalogue import base_keys
from billing.statements.compute.days import compute_day
from billing.statements.compute.rows import RowsOfFile, file_rows
from billing.statements.file_opener import FileOpener
from billing.statements.inputs import CountedFile, PeriodInputs
from billing.statements.numbered_users import UserNumbers
from portal.db import unit_of_work
from portal.health import failpoints
from usage.files.rows import RowsUnreadableError
from usage.usg import OpenedDay

logger = logging.getLogger(__name__)


@dataclass(slots=True)
class DayComputer:
    """Computes days of one tenant and period; keeps opened files for the next day."""

    inputs: PeriodInputs
    users: UserNumbers
    opener: FileOpener
    opened: dict[UUID, RowsOfFile]
    unreadable: set[UUID]

    @classmethod
    def of(cls, inputs: PeriodInputs, *, at: datetime) -> "DayComputer":
        """Load keys and users; begins and ends a unit of work of the tenant."""
        tenant_id = inputs.tenant.pk
        with unit_of_work.acting_for(tenant_id):
            users = numbered_users.load_numbers(tenant_id, at=at)
            opener = FileOpener.of(inputs.tenant)
        return cls(inputs, users, opener, {}, set())

    def compute(self, day: date) -> None:
        """Compute a day and store it; in units of work of its own.

        Raises:
            OSError: the bytes of a file cannot be read at the moment.

        """
        files = self.inputs.by_day[day]
        self._open([one for one in files if one.file.pk not in self.opened])
        rows = [self.opened[one.file.pk] for one in files if one.file.pk in self.opened]
        usage = compute_day(rows, self.inputs.local_day(day), self.inputs.catalogue)
        failpoints.reach("statement:computed")
        keys = base_keys(usage.licence_keys)
        row = UsageDay(
            tenant=self.inputs.tenant,
            period=str(self.inputs.period),
            day=day,
            inputs_sha256=self.inputs.inputs_sha256(day, keys),
            licence_keys=keys,
            unreadable=[one.file.pk for one in files if one.file.pk in self.unreadable],
            usage=encoding.encode(usage),
        )
        with unit_of_work.acting_for(self.inputs.tenant.pk):
            # One statement, where `update_or_create` needs four.
            UsageDay.objects.bulk_create(
                [row],
                update_conflicts=True,
                unique_fields=["tenant", "period", "day"],
                update_fields=["inputs_sha256", "licence_keys", "unreadable", "usage"],
            )
        failpoints.reach("statement:day-stored")
        self._close_up_to(day)

    def _open(self, files: Sequence[CountedFile]) -> None:
        found: list[tuple[CountedFile, OpenedDay]] = []
        for one in files:
            if one.file.pk in self.unreadable:
                continue
            try:
                found.append((one, self.opener.read(one.file)))
            except RowsUnreadableError as error:
                logger.error(  # noqa: TRY400 - the file's fault: its trace says nothing
                    "The file %s cannot be counted: %s", one.file.pk, error
                )
                self.unreadable.add(one.file.pk)
        numbers = self.users.numbers_of_files([day.users for _, day in found])
        for (one, day), of_file in zip(found, numbers, strict=True):
            self.opened[one.file.pk] = file_rows(
                day,
                numbers=of_file,
                closed_by=one.file.closed_by,
                shift=one.shift,
            )

    def _close_up_to(self, day: date) -> None:
        """Forget the files that no later day needs."""
        for one in self.inputs.by_day[day]:
            if one.days[-1] <= day:
                self.opened.pop(one.file.pk, None)


def compute_stale_days(
    inputs: PeriodInputs,
    *,
    at: datetime,
    has_time: Callable[[], bool],
    with_unreadable: bool = False,
    gate: Callable[[], AbstractContextManager[object]],
) -> bool:
    """Compute the stale days of a period, in order; False if time ran out before.

    Begins and ends units of work of its own. Removes days that no file touches.

    Raises:
        OSError: the bytes of a file cannot be read at the moment.

    """
    stale = inputs.stale_days(with_unreadable=with_unreadable)
    if inputs.gone:
        with unit_of_work.acting_for(inputs.tenant.pk):
            days = UsageDay.objects.filter(
                tenant=inputs.tenant, period=str(inputs.period)
            )
            days.filter(day__in=inputs.gone).delete()
    if not stale:
        return True
    computer = DayComputer.of(inputs, at=at)
    for place, day in enumerate(stale):
        if place and not has_time():
            return False
        with gate():
            computer.compute(day)
    return True
