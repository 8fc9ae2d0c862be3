"""Checks all audit trails, and stores how far each is unbroken.

Every run extends the check of each trail by its new entries. Once a night, each trail
is checked from its beginning: a change before the stored position is found only then. A
run that ends early stores its position.
"""

import logging
from collections.abc import Callable, Iterator
from datetime import datetime, timedelta

from portal.audit.chain import CheckedPart, Position, check_part
from portal.audit.log import BEGINNING
from portal.db import unit_of_work
from portal.models import Tenant, TrailCheck

logger = logging.getLogger(__name__)

# The hour (UTC) from which a trail is checked from its beginning again.
_NIGHT = 2

HasTime = Callable[[], bool]


def check_trails(*, at: datetime, has_time: HasTime) -> list[int | None]:
    """Check as many trails as there is time for; return the ids of broken ones.

    None is the staff's own trail. Opens units of work of its own, and holds no lock.
    """
    for tenant_id in _trails():
        if not has_time():
            break
        _extend(tenant_id, at=at, has_time=has_time)
    for tenant_id in _to_check_again(at):
        if not has_time():
            break
        _check_again(tenant_id, at=at, has_time=has_time)
    with unit_of_work.acting_for(unit_of_work.STAFF, reading=True):
        broken = TrailCheck.objects.exclude(broken=None).order_by("tenant")
        return list(broken.values_list("tenant_id", flat=True))


def last_night(at: datetime) -> datetime:
    """Return the newest instant at which checks from the beginning were due."""
    night = at.replace(hour=_NIGHT, minute=0, second=0, microsecond=0)
    return night if night <= at else night - timedelta(days=1)


def _trails() -> Iterator[int | None]:
    """Yield the ids of all trails, those that have waited longest first."""
    with unit_of_work.acting_for(unit_of_work.STAFF, reading=True):
        checks = TrailCheck.objects.values_list("tenant_id", "checked_at")
        checked_at = dict(checks)
        tenants: list[int | None] = [None]
        tenants += Tenant.objects.order_by("pk").values_list("pk", flat=True)
    never = [one for one in tenants if one not in checked_at]
    others = [one for one in tenants if one in checked_at]
    yield from never
    yield from sorted(others, key=lambda one: checked_at[one])


def _to_check_again(at: datetime) -> list[int | None]:
    with unit_of_work.acting_for(unit_of_work.STAFF, reading=True):
        rows = TrailCheck.objects.exclude(full_at__gte=last_night(at))
        return list(rows.order_by("full_at", "pk").values_list("tenant_id", flat=True))


def _extend(tenant_id: int | None, *, at: datetime, has_time: HasTime) -> None:
    row = _row(tenant_id, at=at)
    if row.broken is not None:
        return  # until the check from the beginning finds it unbroken
    start = Position(row.number, bytes(row.digest))
    found = _walk(tenant_id, start, has_time=has_time)
    row.number, row.digest = found.reached.number, found.reached.digest
    if found.broken is not None:
        _break(row, found.broken, at=at)
    elif found.is_end:
        row.checked_at = at
    _save(row)


def _check_again(tenant_id: int | None, *, at: datetime, has_time: HasTime) -> None:
    row = _row(tenant_id, at=at)
    start = Position(row.again_number, bytes(row.again_digest))
    found = _walk(tenant_id, start, has_time=has_time)
    if found.broken is not None and start.number:
        # Perhaps the position, and not the trail: this time from the beginning.
        found = _walk(tenant_id, Position(), has_time=has_time)
    if found.broken is None and not found.is_end:
        row.again_number, row.again_digest = found.reached.number, found.reached.digest
        _save(row)
        return
    row.again_number, row.again_digest, row.full_at = 0, BEGINNING, at
    broken = found.broken or _first_lost(row, found.reached)
    if broken is not None:
        _break(row, broken, at=at)
    else:
        row.broken = row.broken_at = None
        row.number, row.digest = found.reached.number, found.reached.digest
        row.checked_at = at
    _save(row)


def _first_lost(row: TrailCheck, end: Position) -> int | None:
    """Return the first entry that an unbroken trail has lost, None if it has them all.

    A trail that was rewritten from some entry on, or cut off, is unbroken in itself;
    the entry that was checked last is another one now, or gone.
    """
    last = Position(row.number, bytes(row.digest))
    with unit_of_work.acting_for(unit_of_work.STAFF, reading=True):
        found = check_part(row.tenant_id, last, most=0)
    return None if found.broken is None else min(found.broken, end.number + 1)


def _walk(tenant_id: int | None, after: Position, *, has_time: HasTime) -> CheckedPart:
    """Check what follows a position, to the end or a break, as long as there is time.

    At least one part is checked.
    """
    while True:
        with unit_of_work.acting_for(unit_of_work.STAFF, reading=True):
            found = check_part(tenant_id, after)
        if found.is_end or found.broken is not None or not has_time():
            return found
        after = found.reached


def _row(tenant_id: int | None, *, at: datetime) -> TrailCheck:
    with unit_of_work.acting_for(unit_of_work.STAFF, reading=True):
        found = TrailCheck.objects.filter(tenant=tenant_id).first()
    return found or TrailCheck(
        tenant_id=tenant_id, digest=BEGINNING, again_digest=BEGINNING, checked_at=at
    )


def _break(row: TrailCheck, number: int, *, at: datetime) -> None:
    if row.broken is not None and row.broken <= number:
        return  # known, and logged then
    row.broken, row.broken_at = number, at
    logger.critical(
        "The audit trail of %s is broken from entry %s on.",
        *(f"tenant {row.tenant_id}" if row.tenant_id else "the staff", number),
    )


def _save(row: TrailCheck) -> None:
    """Store a row; of two runs at once the later one counts.

    A position that is behind is extended again, and a break is found again.
    """
    fields = {
        field.name: getattr(row, field.attname)
        for field in TrailCheck._meta.concrete_fields
        if field.name not in {"id", "tenant"}
    }
    with unit_of_work.acting_for(unit_of_work.STAFF):
        TrailCheck.objects.update_or_create(tenant=row.tenant, defaults=fields)
