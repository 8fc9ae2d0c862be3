"""Opens units of work: transactions with a role, for one tenant or across tenants.

The application signs in as a role that may touch no tenant's table. `acting_for`
opens one transaction and, in its first statement, takes the role that the work
needs and sets its tenant. PostgreSQL's row security does the rest: without a role it
answers *permission denied*, with a tenant it shows that tenant's rows and nobody
else's. Both settings end with the transaction.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from enum import Enum

from django.db import connection, transaction


class Across(Enum):
    """Roles that see the rows of all tenants."""

    STAFF = "portal_staff"
    """Billing staff: all tenants, by the pages and commands made for them."""

    SWEEP = "portal_sweep"
    """Finds and claims waiting work; sees ids, states and leases, no contents."""


STAFF = Across.STAFF
SWEEP = Across.SWEEP


@dataclass(frozen=True, slots=True)
class _Unit:
    who: int | Across
    held: int | None
    """The tenant whose lock was taken with the first statement, if any was."""


_unit: ContextVar[_Unit | None] = ContextVar("unit_of_work", default=None)

# Advisory locks share one space of 64-bit numbers per database; the upper 16 bits
# keep ours apart from those of other programs, the rest is the tenant's id.
_TENANT_LOCK = 0x7573 << 48

# The same for the locks of the whole installation, which all tenants share.
_INSTALLATION_LOCK = 0x7574 << 48

# The same for what a person may do only once at a time; the rest is the user's id.
_PERSON_LOCK = 0x7575 << 48

# Longest wait for a lock, for PostgreSQL. A tenant's lock is held for milliseconds,
# for seconds with the largest file. After this time something is wrong: an upload is
# answered as received, a page as busy, and no thread waits for ever behind one tenant
# that hangs.
LOCK_TIMEOUT = "10s"

_BEGIN = (
    "select set_config('lock_timeout', %s, true),"
    " set_config('transaction_read_only', %s, true),"
    " set_config('app.tenant', %s, true),"
    " set_config('role', %s, true)"
)
_BEGIN_HOLDING = f"{_BEGIN}, pg_advisory_xact_lock(%s)"


class NestedUnitError(RuntimeError):
    """A unit of work was begun inside another one.

    A released savepoint would keep the inner one's role and tenant, so the rest of
    the outer one would silently work for somebody else.
    """


@contextmanager
def acting_for(
    who: int | Across,
    *,
    reading: bool = False,
    holding: bool = False,
    repeatable: bool = False,
) -> Iterator[None]:
    """Open one unit of work, as one transaction, for a tenant or across tenants.

    Args:
        who: a tenant's id, `STAFF` or `SWEEP`.
        reading: refuse every write, as a second safeguard for pages that only read.
        holding: take the tenant's lock, as `hold_tenant` does, in the first statement;
            the statements after it see what the lock's last holder has committed.
        repeatable: let all statements see one moment, to compare rows with each other.

    Raises:
        NestedUnitError: this thread is in a unit of work already.
        ValueError: `holding` for a role that sees all tenants.
        OperationalError: a lock was not free within `LOCK_TIMEOUT`, at once or in a
            later statement; pages and API answer that the portal is busy.

    """
    if _unit.get() is not None:
        message = "A unit of work may not begin inside another one."
        raise NestedUnitError(message)
    statement, parameters = _first_statement(who, reading=reading, holding=holding)
    held = who if holding and not isinstance(who, Across) else None
    token = _unit.set(_Unit(who, held))
    try:
        with transaction.atomic(durable=True):
            with connection.cursor() as cursor:
                if repeatable:
                    cursor.execute("set transaction isolation level repeatable read")
                cursor.execute(statement, parameters)
            yield
    finally:
        _unit.reset(token)


def _first_statement(
    who: int | Across, *, reading: bool, holding: bool
) -> tuple[str, list[str | int]]:
    is_read_only = "on" if reading else "off"
    if not isinstance(who, Across):
        begin: list[str | int] = [
            *(LOCK_TIMEOUT, is_read_only, str(who), "portal_tenant")
        ]
        if holding:
            return _BEGIN_HOLDING, [*begin, _TENANT_LOCK | who]
        return _BEGIN, begin
    if holding:
        message = "Only one tenant's lock can be taken: say which tenant it is."
        raise ValueError(message)
    return _BEGIN, [LOCK_TIMEOUT, is_read_only, "", who.value]


def hold_tenant(tenant_id: int) -> None:
    """Take the tenant's lock until this unit of work ends.

    Code that changes a tenant's files, calendar, summary or audit trail takes it first
    and no lock before it: one order, no deadlock.
    """
    unit = _unit.get()
    if unit is not None and unit.held == tenant_id:
        return  # since its first statement, which no savepoint can take back
    with connection.cursor() as cursor:
        cursor.execute("select pg_advisory_xact_lock(%s)", [_TENANT_LOCK | tenant_id])


def try_hold_tenant(tenant_id: int) -> bool:
    """Take the tenant's lock, as `hold_tenant` does; False if it is taken."""
    with connection.cursor() as cursor:
        cursor.execute(
            "select pg_try_advisory_xact_lock(%s)", [_TENANT_LOCK | tenant_id]
        )
        ((is_held,),) = cursor.fetchall()
    return bool(is_held)


def hold_installation(number: int) -> None:
    """Take a lock of the whole installation until this unit of work ends.

    Take it after the tenant's lock, never before it, and end soon: all other holders
    wait.
    """
    with connection.cursor() as cursor:
        cursor.execute(
            "select pg_advisory_xact_lock(%s)", [_INSTALLATION_LOCK | number]
        )


def try_hold_person(user_id: int) -> bool:
    """Take a lock of a person until this unit of work ends; False if it is taken.

    It is the same in all processes, and for all tenants of the person.
    """
    with connection.cursor() as cursor:
        cursor.execute("select pg_try_advisory_xact_lock(%s)", [_PERSON_LOCK | user_id])
        ((is_held,),) = cursor.fetchall()
    return bool(is_held)
