"""Invites people to a tenant or to the billing staff, sends again, withdraws.

An invitation gives nothing until the invited person accepts it
(`portal.people.accept`). Its mail and its link: `portal.people.mails`.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta

from django.db.models import QuerySet

from portal.accounts import request_mails
from portal.accounts.caller import Caller
from portal.audit import log as audit_log
from portal.errors import Refused
from portal.models import AccountMail, AccountMailKind, Invitation, Membership, User
from portal.people.links import VALID_FOR
from portal.people.locks import hold_people
from portal.typed_text.clean import mail_address, one_line

# More people than a tenant adds at once; a limit to what one admin can send in the
# portal's name.
OPEN_AT_MOST = 50

# Invitations to one address from one tenant, or from the staff, within a day.
MAILS_A_DAY = 5
DAY = timedelta(days=1)


@dataclass(frozen=True, slots=True)
class Inviter:
    """Who invites: a person, or a command, which has no id."""

    name: str
    user_id: int | None = None


@dataclass(frozen=True, slots=True)
class InvitedPerson:
    """An address, what its person is called, and the role that is offered."""

    address: str
    role: str
    name: str = ""


def inviter_of(caller: Caller) -> Inviter:
    return Inviter(caller.name, caller.user_id)


def invite_member(
    tenant_id: int, person: InvitedPerson, *, by: Inviter, at: datetime
) -> Invitation:
    """Invite somebody to a tenant, in its unit of work or one of the staff.

    The answer is the same whether the address has an account or not.

    Raises:
        Refused: the person is a member, or has an open invitation, or there are too
            many invitations.

    """
    address = mail_address(person.address)
    hold_people(tenant_id)
    members = Membership.objects.filter(tenant=tenant_id, user__email=address)
    if members.exists():
        raise Refused("member-already")
    return _invite(tenant_id, person, by=by, at=at)


def invite_staff(person: InvitedPerson, *, by: Inviter, at: datetime) -> Invitation:
    """Invite somebody to the billing staff, in a unit of work of the staff.

    Raises:
        Refused: as in `invite_member`; or the person has an account that cannot become
            one of the staff.

    """
    address = mail_address(person.address)
    hold_people(None)
    if User.objects.filter(email=address).exclude(staff_role="").exists():
        raise Refused("staff-already")
    if Membership.objects.filter(user__email=address).exists():
        raise Refused("member-no-staff")
    return _invite(None, person, by=by, at=at)


def send_again(
    tenant_id: int | None, invitation_id: int, *, by: Inviter, at: datetime
) -> Invitation:
    """Queue the mail of an open invitation again; its link replaces the earlier one.

    Raises:
        Refused: there is no such open invitation, or its address has had enough mails.

    """
    hold_people(tenant_id)
    invitation = _open_invitation(tenant_id, invitation_id)
    _require_few_mails(tenant_id, invitation.address, at=at)
    _queue(invitation, by=by, at=at)
    _append(invitation, "invitation-sent-again", by=by, at=at)
    return invitation


def withdraw(
    tenant_id: int | None, invitation_id: int, *, by: Inviter, at: datetime
) -> Invitation:
    """Withdraw an open invitation: its link opens nothing any more.

    Raises:
        Refused: there is no such open invitation.

    """
    hold_people(tenant_id)
    invitation = _open_invitation(tenant_id, invitation_id)
    _end(invitation, by=by, at=at)
    _append(invitation, "invitation-withdrawn", by=by, at=at)
    return invitation


def _invite(
    tenant_id: int | None, person: InvitedPerson, *, by: Inviter, at: datetime
) -> Invitation:
    address = mail_address(person.address)
    _make_room(tenant_id, address, by=by, at=at)
    invitation = Invitation(
        tenant_id=tenant_id,
        address=address,
        name=one_line(person.name),
        role=person.role if tenant_id is not None else "",
        staff_role=person.role if tenant_id is None else "",
        invited_by_id=by.user_id,
        invited_by_text=by.name,
        created_at=at,
        expires_at=at + VALID_FOR,
    )
    invitation.save(force_insert=True)
    _queue(invitation, by=by, at=at)
    _append(invitation, "person-invited", by=by, at=at)
    return invitation


def _make_room(
    tenant_id: int | None, address: str, *, by: Inviter, at: datetime
) -> None:
    """End an invitation of the address that is too old; refuse if too many are open."""
    still_open = _open(tenant_id)
    before = still_open.filter(address=address).first()
    if before is not None:
        if at < before.expires_at:
            raise Refused("invited-already")
        _end(before, by=by, at=at)
    if still_open.count() >= OPEN_AT_MOST:
        raise Refused("invitations-too-many", limit=OPEN_AT_MOST)
    _require_few_mails(tenant_id, address, at=at)


def _require_few_mails(tenant_id: int | None, address: str, *, at: datetime) -> None:
    sent = AccountMail.objects.filter(
        kind=AccountMailKind.INVITATION,
        tenant=tenant_id,
        recipient=address,
        planned_at__gt=at - DAY,
    )
    if sent.count() >= MAILS_A_DAY:
        raise Refused("invited-too-often", limit=MAILS_A_DAY)


def _open(tenant_id: int | None) -> QuerySet[Invitation]:
    return Invitation.objects.filter(
        tenant=tenant_id, accepted_at=None, withdrawn_at=None
    )


def _open_invitation(tenant_id: int | None, invitation_id: int) -> Invitation:
    found = _open(tenant_id).filter(pk=invitation_id).first()
    if found is None:
        raise Refused("not-found")
    return found


def _end(invitation: Invitation, *, by: Inviter, at: datetime) -> None:
    invitation.withdrawn_at, invitation.withdrawn_by_text = at, by.name
    invitation.save(update_fields=["withdrawn_at", "withdrawn_by_text"])


def _queue(invitation: Invitation, *, by: Inviter, at: datetime) -> None:
    request_mails.queue(
        AccountMailKind.INVITATION,
        to=invitation.address,
        by=by.name,
        at=at,
        tenant_id=invitation.tenant_id,
        about=invitation.pk,
    )


def _append(invitation: Invitation, act: str, *, by: Inviter, at: datetime) -> None:
    audit_log.append(
        tenant_id=invitation.tenant_id,
        actor=by.name,
        act=act,
        subject=invitation.address,
        details={"role": invitation.granted, "invitation": invitation.pk},
        at=at,
    )
