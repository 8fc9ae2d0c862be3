"""Creates tenants, people and memberships, and changes a tenant's time zone."""

from datetime import date, datetime

from allauth.account.models import EmailAddress

from portal import zones
from portal.audit import log as audit_log
from portal.db import unit_of_work
from portal.errors import Refused
from portal.models import Membership, Tenant, User
from portal.typed_text.clean import mail_address, one_line


def open_tenant(  # noqa: PLR0913 - what a tenant is
    *,
    number: str,
    name: str,
    zone: str,
    first_owed_on: date,
    by: str,
    at: datetime,
    is_demo: bool = False,
) -> Tenant:
    """Create a tenant, in a unit of work of the staff.

    Raises:
        Refused: there is a tenant with this number, or no such time zone.
        ValidationError: a number or name that cannot be one.

    """
    require_zone(zone)
    number, name = one_line(number), one_line(name)
    if Tenant.objects.filter(number=number).exists():
        raise Refused("tenant-exists", number=number)
    tenant = Tenant(
        number=number,
        name=name,
        zone=zone,
        first_owed_on=first_owed_on,
        created_at=at,
        is_demo=is_demo,
    )
    tenant.full_clean()
    tenant.save()
    audit_log.append(
        tenant_id=tenant.pk,
        actor=by,
        act="tenant-opened",
        subject=number,
        details={"name": name, "zone": zone, "first_owed_on": str(first_owed_on)},
        at=at,
    )
    return tenant


def change_zone(
    tenant_id: int, *, zone: str, by: str, at: datetime, reason: str
) -> None:
    """Change the zone of a tenant, in a unit of work of the staff.

    Under the tenant's lock, which it takes.

    Raises:
        Refused: there is no such time zone, or the tenant is in it already.

    """
    require_zone(zone)
    unit_of_work.hold_tenant(tenant_id)
    tenant = Tenant.objects.get(pk=tenant_id)
    was = tenant.zone
    if zone == was:
        raise Refused("nothing-to-change")
    tenant.zone = zone
    tenant.save(update_fields=["zone"])
    audit_log.append(
        tenant_id=tenant_id,
        actor=by,
        act="tenant-zone-changed",
        subject=tenant.number,
        details={"zone": zone, "was": was, "reason": reason},
        at=at,
    )


def require_zone(zone: str) -> None:
    """Refuse a time zone that the pinned zone data does not name."""
    if zone not in zones.names():
        raise Refused("zone-unknown", zone=zone[:64])


def add_person(
    *,
    email: str,
    name: str,
    password: str | None,
    at: datetime,
    staff_role: str = "",
    is_demo: bool = False,
) -> User:
    """Create a person who can sign in, in a unit of work of the staff.

    With `password` None the person has to set one first (*Forgot your password?* on the
    sign-in page). On pages people are invited instead (`portal.people`).
    """
    user = User(
        email=mail_address(email),
        name=one_line(name),
        staff_role=staff_role,
        is_demo=is_demo,
        created_at=at,
    )
    user.set_password(password)
    user.full_clean(exclude=["password"])
    user.save()
    # Sign-in finds a person by this row. Whoever adds them vouches for the address.
    EmailAddress.objects.create(
        user=user, email=user.email, verified=True, primary=True
    )
    return user


def add_member(
    tenant_id: int, *, user: User, role: str, by: str, at: datetime
) -> Membership:
    """Give a person a role in a tenant, in a unit of work of the staff or of it."""
    unit_of_work.hold_tenant(tenant_id)
    membership, is_new = Membership.objects.update_or_create(
        tenant_id=tenant_id, user=user, defaults={"role": role}
    )
    audit_log.append(
        tenant_id=tenant_id,
        actor=by,
        act="member-added" if is_new else "member-changed",
        subject=user.email,
        details={"role": role},
        at=at,
    )
    return membership
