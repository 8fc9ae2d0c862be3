"""Changes roles of the billing staff, and closes accounts.

Under the lock of the staff: two clerks who close each other's accounts at the same time
are one after the other.
"""

from datetime import datetime

from allauth.mfa.models import Authenticator

from portal.accounts.caller import Caller
from portal.audit import log as audit_log
from portal.errors import Refused
from portal.models import EventKind, Membership, StaffRole, User
from portal.people import end_access
from portal.people.locks import hold_people
from portal.security_events.record import Origin, record


def find_staff(user_id: int) -> User:
    """Return somebody of the staff, in a unit of work of the staff.

    Raises:
        Refused: there is nobody with this id among the staff.

    """
    found = User.objects.filter(pk=user_id).exclude(staff_role="").first()
    if found is None:
        raise Refused("not-found")
    return found


def change_staff_role(user_id: int, role: str, *, by: Caller, at: datetime) -> User:
    """Give somebody of the staff another role, in a unit of work of the staff.

    Raises:
        Refused: nobody of the staff; the same role; the last clerk; or the caller is no
            clerk any more.

    """
    hold_people(None)
    _require_clerk(by)
    person = find_staff(user_id)
    was = person.staff_role
    if role == was or not person.is_active:
        raise Refused("nothing-to-change")
    _require_another_clerk(person)
    person.staff_role = role
    person.save(update_fields=["staff_role"])
    _append(person, "staff-role-changed", {"role": role, "was": was}, by=by, at=at)
    return person


def reset_persons_factors(
    user_id: int, *, by: Caller, origin: Origin, at: datetime
) -> User:
    """Remove the second factors of anybody, never the caller's own.

    In a unit of work of the staff. Also for a member whom no colleague can help: the
    only admin of a tenant, or somebody who belongs to several. Each of their tenants
    sees it in its trail.

    Raises:
        Refused: there is no such open account, or it is the caller's own.

    """
    tenants = _tenants_of(user_id)
    for tenant_id in tenants:
        hold_people(tenant_id)
    hold_people(None)
    _require_clerk(by)
    person = User.objects.filter(pk=user_id, is_active=True).first()
    if person is None:
        raise Refused("not-found")
    if by.user_id == user_id:
        raise Refused("not-for-oneself")
    end_access.reset_factors(person, tenant_id=None, by=by.name, origin=origin, at=at)
    for tenant_id in tenants:
        audit_log.append(
            tenant_id=tenant_id,
            actor=by.name,
            act="second-factor-reset",
            subject=person.email,
            at=at,
        )
    _append(person, "second-factor-reset", {}, by=by, at=at)
    return person


def close_account(user_id: int, *, by: Caller, origin: Origin, at: datetime) -> User:
    """Close the account of anybody: all that gives access ends in this transaction.

    In a unit of work of the staff. Memberships end too, so that nobody is the admin of
    a tenant without being able to sign in.

    Raises:
        Refused: there is no such open account; the last clerk; or the caller is no
            clerk any more.

    """
    # 1. The locks of the tenants, in one order, then that of the staff; then the row
    #    of the person, without which nobody accepts an invitation for them.
    tenants = _tenants_of(user_id)
    for tenant_id in tenants:
        hold_people(tenant_id)
    hold_people(None)
    _require_clerk(by)
    people = User.objects.select_for_update().filter(pk=user_id, is_active=True)
    person = people.first()
    if person is None:
        raise Refused("not-found")
    if _tenants_of(user_id) != tenants:
        raise Refused("decided-already")
    _require_another_clerk(person)
    for tenant_id in tenants:
        _end_membership(person, tenant_id, by=by, origin=origin, at=at)
    # 2. What belongs to no tenant.
    Authenticator.objects.filter(user=person.pk).delete()
    end_access.end_all_sessions(person, by=by.name, origin=origin, at=at)
    person.is_active = False
    person.save(update_fields=["is_active"])
    record(
        EventKind.ACCOUNT_CLOSED,
        origin=origin,
        at=at,
        user_id=person.pk,
        actor=by.name,
    )
    _append(person, "account-closed", {}, by=by, at=at)
    return person


def _tenants_of(user_id: int) -> list[int]:
    rows = Membership.objects.filter(user=user_id).order_by("tenant_id")
    return list(rows.values_list("tenant_id", flat=True))


def _end_membership(
    person: User, tenant_id: int, *, by: Caller, origin: Origin, at: datetime
) -> None:
    member = Membership.objects.get(user=person, tenant=tenant_id)
    end_access.end_membership(person, tenant_id, by=by.name, origin=origin, at=at)
    Membership.objects.filter(pk=member.pk).delete()
    audit_log.append(
        tenant_id=tenant_id,
        actor=by.name,
        act="member-removed",
        subject=person.email,
        details={"role": member.role, "account_closed": True},
        at=at,
    )


def _require_clerk(by: Caller) -> None:
    """Refuse a caller whose role was taken since the request began."""
    clerks = User.objects.filter(
        pk=by.user_id or 0, is_active=True, staff_role=StaffRole.CLERK
    )
    if not clerks.exists():
        raise Refused("role-lost")


def _require_another_clerk(person: User) -> None:
    if person.staff_role != StaffRole.CLERK or not person.is_active:
        return
    others = User.objects.filter(staff_role=StaffRole.CLERK, is_active=True).exclude(
        pk=person.pk
    )
    if not others.exists():
        raise Refused("last-clerk")


def _append(
    person: User, act: str, details: dict[str, str], *, by: Caller, at: datetime
) -> None:
    audit_log.append(
        tenant_id=None,
        actor=by.name,
        act=act,
        subject=person.email,
        details=details,
        at=at,
    )
