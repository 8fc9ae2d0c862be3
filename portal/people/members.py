"""Changes roles of members, removes them, and lets them leave.

Every change is made under the tenant's lock, and checks there that the caller still has
the permission, and that a tenant admin is left.
"""

from datetime import datetime

from portal.accounts.caller import Caller, Permission
from portal.audit import log as audit_log
from portal.errors import Refused
from portal.models import Membership, Role, Tenant
from portal.people import end_access
from portal.people.locks import hold_people
from portal.security_events.record import Origin

# A tenant may not read all columns of a person.
_COLUMNS = (
    *("role", "tenant_id"),
    *("user__email", "user__name", "user__is_active", "user__last_login"),
)


def find_member(tenant_id: int, user_id: int) -> Membership:
    """Return a member with the person, in the running unit of work.

    Raises:
        Refused: the tenant has no such member.

    """
    rows = Membership.objects.filter(tenant=tenant_id, user=user_id)
    found = rows.select_related("user").only(*_COLUMNS).first()
    if found is None:
        raise Refused("not-found")
    return found


def change_role(
    tenant_id: int, user_id: int, role: str, *, by: Caller, at: datetime
) -> Membership:
    """Give a member another role.

    Raises:
        Refused: no such member; the same role; the last tenant admin; or the caller is
            no tenant admin any more.

    """
    hold_people(tenant_id)
    _require_able(tenant_id, by)
    member = find_member(tenant_id, user_id)
    was = member.role
    if role == was:
        raise Refused("nothing-to-change")
    _require_another_admin(member)
    member.role = role
    member.save(update_fields=["role"])
    audit_log.append(
        tenant_id=tenant_id,
        actor=by.name,
        act="member-changed",
        subject=member.user.email,
        details={"role": role, "was": was},
        at=at,
    )
    return member


def remove(
    tenant_id: int, user_id: int, *, by: Caller, origin: Origin, at: datetime
) -> Membership:
    """Remove a member: membership, tokens, calendar link and sessions end at once.

    Somebody who removes themselves leaves.

    Raises:
        Refused: as in `change_role`.

    """
    hold_people(tenant_id)
    is_leaving = by.user_id == user_id
    if not is_leaving:
        _require_able(tenant_id, by)
    member = find_member(tenant_id, user_id)
    _require_another_admin(member)
    end_access.end_membership(member.user, tenant_id, by=by.name, origin=origin, at=at)
    Membership.objects.filter(pk=member.pk).delete()
    audit_log.append(
        tenant_id=tenant_id,
        actor=by.name,
        act="member-left" if is_leaving else "member-removed",
        subject=member.user.email,
        details={"role": member.role},
        at=at,
    )
    return member


def require_second_factor(
    tenant_id: int, *, wanted: bool, by: Caller, at: datetime
) -> None:
    """Set whether the people of a tenant need a second factor, in its unit of work.

    Raises:
        Refused: it is so already, or the caller is no tenant admin any more.

    """
    hold_people(tenant_id)
    _require_able(tenant_id, by)
    rows = Tenant.objects.filter(pk=tenant_id, requires_second_factor=not wanted)
    if not rows.update(requires_second_factor=wanted):
        raise Refused("nothing-to-change")
    audit_log.append(
        tenant_id=tenant_id,
        actor=by.name,
        act="second-factor-required" if wanted else "second-factor-optional",
        subject="",
        at=at,
    )


def require_of_one_tenant(user_id: int) -> None:
    """Refuse to act on the account of somebody who belongs to several tenants.

    The factors of a partner protect all of their tenants: an admin of one of them must
    not weaken the others. Runs outside of any unit of work: a tenant sees only its own
    memberships.

    Raises:
        Refused: the person belongs to another tenant as well.

    """
    if Membership.objects.filter(user=user_id).count() > 1:
        raise Refused("person-of-several")


def reset_member_factors(
    tenant_id: int, user_id: int, *, by: Caller, origin: Origin, at: datetime
) -> Membership:
    """Remove the second factors of a member, never the caller's own.

    Raises:
        Refused: no such member, or the caller's own.

    """
    hold_people(tenant_id)
    _require_able(tenant_id, by)
    member = find_member(tenant_id, user_id)
    if by.user_id == user_id:
        raise Refused("not-for-oneself")
    end_access.reset_factors(
        member.user, tenant_id=tenant_id, by=by.name, origin=origin, at=at
    )
    audit_log.append(
        tenant_id=tenant_id,
        actor=by.name,
        act="second-factor-reset",
        subject=member.user.email,
        at=at,
    )
    return member


def _require_able(tenant_id: int, by: Caller) -> None:
    """Refuse a caller whose role was taken since the request began."""
    if Permission.STAFF_ACT in by.permissions:
        return
    admins = Membership.objects.filter(
        tenant=tenant_id, user=by.user_id, role=Role.ADMIN, user__is_active=True
    )
    if not admins.exists():
        raise Refused("role-lost")


def _require_another_admin(member: Membership) -> None:
    """Refuse to take the role of the last tenant admin who can sign in."""
    if member.role != Role.ADMIN or not member.user.is_active:
        return
    others = Membership.objects.filter(
        tenant=member.tenant_id, role=Role.ADMIN, user__is_active=True
    ).exclude(pk=member.pk)
    if not others.exists():
        raise Refused("last-admin")
