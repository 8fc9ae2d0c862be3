"""Examines links of invitations, and accepts invitations.

Reading a link changes nothing: mail scanners open it before people do. The link alone
is enough only where its address has no account yet; an account has to sign in first.
"""

from dataclasses import dataclass
from datetime import datetime

from django.db import IntegrityError

from portal.audit import log as audit_log
from portal.db import unit_of_work
from portal.errors import Refused
from portal.models import (
    AccountMailKind,
    Invitation,
    Membership,
    Role,
    StaffRole,
    User,
)
from portal.people.links import digest_of
from portal.people.locks import hold_people
from portal.people.tell_admins import tell_admins
from portal.tenants import create


@dataclass(frozen=True, slots=True)
class ExaminedLink:
    """An invitation as its link finds it; `problem` is the code of a refusal.

    `has_account` says whether the address has an account, which then has to sign in.
    """

    invitation: Invitation | None
    problem: str
    has_account: bool = False


def examine(secret: str, *, user_id: int | None, at: datetime) -> ExaminedLink:
    """Return what a link leads to, for the person who is signed in, or for nobody."""
    with unit_of_work.acting_for(unit_of_work.STAFF, reading=True):
        invitation = _find(secret)
        if invitation is None:
            return ExaminedLink(None, "link-unknown")
        holder = User.objects.filter(email=invitation.address).first()
        try:
            _require_usable(invitation, holder, user_id=user_id, at=at)
        except Refused as refusal:
            return ExaminedLink(invitation, refusal.code)
    return ExaminedLink(invitation, "", has_account=holder is not None)


def accept(secret: str, *, user_id: int, at: datetime) -> Invitation:
    """Accept an invitation as the person who is signed in.

    Raises:
        Refused: the link does not work, or not for this person; nothing was changed.

    """
    with unit_of_work.acting_for(unit_of_work.STAFF):
        invitation = _find_held(secret)
        # The account of the invited address, which may be another than the caller's.
        holders = User.objects.select_for_update().filter(email=invitation.address)
        holder = holders.first()
        _require_usable(invitation, holder, user_id=user_id, at=at)
        if holder is not None:
            _grant(invitation, holder, at=at)
    return invitation


def accept_as_new(secret: str, *, name: str, password: str, at: datetime) -> User:
    """Create the account of the invited address, and accept the invitation.

    Raises:
        Refused: the link does not work, or the address has an account.
        ValidationError: a name that cannot be one.

    """
    try:
        with unit_of_work.acting_for(unit_of_work.STAFF):
            invitation = _find_held(secret)
            _require_usable(invitation, None, user_id=None, at=at)
            if User.objects.filter(email=invitation.address).exists():
                raise Refused("account-exists")
            user = create.add_person(
                email=invitation.address, name=name, password=password, at=at
            )
            _grant(invitation, user, at=at)
    except IntegrityError as error:
        # Another tenant's invitation has created the account in the same moment.
        raise Refused("account-exists") from error
    return user


def inviter_is_able(invitation: Invitation) -> bool:
    """Return whether the inviter may still invite so; in a unit of the staff."""
    inviter = invitation.invited_by
    if inviter is None:
        return True  # a command on the machine itself
    if not inviter.is_active:
        return False
    if inviter.staff_role == StaffRole.CLERK:
        return True
    return Membership.objects.filter(
        tenant=invitation.tenant_id, user=inviter, role=Role.ADMIN
    ).exists()


def _find(secret: str) -> Invitation | None:
    related = ("tenant", "invited_by")
    rows = Invitation.objects.select_related(*related)
    return rows.filter(digest=digest_of(secret)).first()


def _find_held(secret: str) -> Invitation:
    """Return an invitation, as it is under the lock of its people."""
    found = _find(secret)
    if found is None:
        raise Refused("link-unknown")
    hold_people(found.tenant_id)
    again = _find(secret)
    if again is None:
        raise Refused("link-unknown")  # replaced by a newer mail
    return again


def _require_usable(
    invitation: Invitation, holder: User | None, *, user_id: int | None, at: datetime
) -> None:
    """Refuse a link that does not work; `holder` has the account of its address."""
    if user_id is not None and (holder is None or holder.pk != user_id):
        raise Refused("link-of-another")
    if invitation.accepted_at is not None:
        raise Refused("link-used")
    if invitation.withdrawn_at is not None:
        raise Refused("link-withdrawn")
    if at >= invitation.expires_at:
        raise Refused("link-expired")
    if not inviter_is_able(invitation):
        raise Refused("inviter-gone")
    if holder is not None:
        _require_free(holder, invitation)


def _require_free(holder: User, invitation: Invitation) -> None:
    """Refuse an account that cannot take the role."""
    if not holder.is_active:
        raise Refused("account-closed")
    memberships = Membership.objects.filter(user=holder)
    if invitation.tenant_id is None:
        if holder.staff_role:
            raise Refused("staff-already")
        if memberships.exists():
            raise Refused("member-no-staff")
        return
    if holder.staff_role:
        raise Refused("staff-no-member")
    if memberships.filter(tenant=invitation.tenant_id).exists():
        raise Refused("member-already")


def _grant(invitation: Invitation, user: User, *, at: datetime) -> None:
    invitation.accepted_at, invitation.accepted_by = at, user
    invitation.save(update_fields=["accepted_at", "accepted_by"])
    if invitation.tenant_id is None:
        user.staff_role = invitation.staff_role
        user.save(update_fields=["staff_role"])
    else:
        Membership.objects.create(
            tenant_id=invitation.tenant_id, user=user, role=invitation.role
        )
        tell_admins(
            AccountMailKind.NEW_MEMBER,
            invitation.tenant_id,
            by=invitation.invited_by_text,
            at=at,
            but=user.pk,
            details={
                "name": user.name,
                "address": user.email,
                "role": invitation.role,
            },
        )
    audit_log.append(
        tenant_id=invitation.tenant_id,
        actor=user.email,
        act="invitation-accepted",
        subject=user.email,
        details={
            "role": invitation.granted,
            "invitation": invitation.pk,
            "invited_by": invitation.invited_by_text,
        },
        at=at,
    )
