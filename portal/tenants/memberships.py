"""Lists the tenants of a person, and finds the one that has a given object."""

from collections.abc import Callable
from dataclasses import dataclass

from portal.accounts.caller import Caller
from portal.db import unit_of_work
from portal.errors import Refused
from portal.models import Membership, Role, Tenant


@dataclass(frozen=True, slots=True)
class TenantMembership:
    """One tenant of a person, and their role in it."""

    tenant_id: int
    number: str
    name: str
    role: str


@dataclass(frozen=True, slots=True)
class Admin:
    """A tenant admin, who can give a role."""

    name: str
    email: str


def memberships_of(caller: Caller) -> list[TenantMembership]:
    """Return all tenants of a person by name; each is read in a unit of its own."""
    found = []
    for tenant_id, role in _roles_of(caller).items():
        with unit_of_work.acting_for(tenant_id, reading=True):
            found.append(_membership(role))
    return sorted(found, key=lambda one: (one.name.casefold(), one.number))


def require(caller: Caller, wanted: str) -> int:
    """Return the id of a tenant that a person belongs to, given as they sent it.

    Raises:
        Refused: it is none of theirs, or does not exist; the answer is the same.

    """
    for tenant_id in _roles_of(caller):
        if wanted == str(tenant_id):
            return tenant_id
    raise Refused("not-found")


def find_membership(caller: Caller, has: Callable[[], bool]) -> TenantMembership | None:
    """Return the other tenant of a person in which `has` finds the object.

    `has` is called in a unit of work of each of their tenants but the present one.
    """
    for tenant_id, role in _roles_of(caller).items():
        if tenant_id != caller.tenant_id:
            with unit_of_work.acting_for(tenant_id, reading=True):
                if has():
                    return _membership(role)
    return None


def admins_for(caller: Caller) -> list[Admin]:
    """Return the admins of the tenant a person acts for, who can give them a role."""
    if caller.tenant_id is None:
        return []
    with unit_of_work.acting_for(caller.tenant_id, reading=True):
        people = Membership.objects.filter(
            role=Role.ADMIN, user__is_active=True
        ).values_list("user__name", "user__email")
        return [Admin(name, email) for name, email in people.order_by("user__name")]


def _roles_of(caller: Caller) -> dict[int, str]:
    """Return a person's roles by tenant; a token belongs to one tenant and no more."""
    if caller.user_id is None:
        return {}
    return dict(
        Membership.objects.filter(user_id=caller.user_id)
        .order_by("tenant_id")
        .values_list("tenant_id", "role")
    )


def _membership(role: str) -> TenantMembership:
    tenant = Tenant.objects.get()
    return TenantMembership(
        tenant.pk, tenant.number, tenant.name, str(Role(role).label)
    )
