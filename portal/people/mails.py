"""What the mails about people contain: invitations, new members, changed addresses.

Each function runs in a unit of work of the staff, when a mail is sent. A mail that is
sent with a new link replaces the link before: only the newest digest is stored.
"""

from datetime import datetime

from portal.accounts import mail_kinds
from portal.accounts.mail_kinds import MailKind, Shown
from portal.models import (
    AccountMail,
    AccountMailKind,
    AddressChange,
    Invitation,
    Membership,
    Role,
    Tenant,
    User,
)
from portal.people.accept import inviter_is_able
from portal.people.invite import DAY
from portal.people.links import VALID_FOR, address_of, new_secret
from portal.people.text import granted_text

# Invitations to one address within a day, of all tenants together.
_OF_ALL_A_DAY = 20


def register_kinds() -> None:
    """Register the kinds of this package; called once from `AppConfig.ready`."""
    kinds = {
        AccountMailKind.INVITATION: MailKind(_invitation_reason, _invitation),
        AccountMailKind.NEW_MEMBER: MailKind(_admin_reason, _new_member),
        AccountMailKind.SETUP_FILE: MailKind(_admin_reason, _setup_file),
        AccountMailKind.ADDRESS_LINK: MailKind(_link_reason, _address_link),
        AccountMailKind.ADDRESS_CHANGED: MailKind(lambda *_: "", _address_changed),
    }
    for kind, parts in kinds.items():
        mail_kinds.register(kind, parts)


def _invitation_reason(row: AccountMail, at: datetime) -> str:
    invitation = Invitation.objects.filter(pk=row.about or 0).first()
    if invitation is None or invitation.withdrawn_at or invitation.accepted_at:
        return "withdrawn"
    if not inviter_is_able(invitation):
        return "inviter-gone"
    if _is_overtaken(row):
        return "overtaken"
    same = AccountMail.objects.filter(
        kind=row.kind, recipient=row.recipient, outcome="sent", ended_at__gt=at - DAY
    )
    return "too-many" if same.count() >= _OF_ALL_A_DAY else ""


def _is_overtaken(row: AccountMail) -> bool:
    """Return whether a later mail with the same link waits or was sent."""
    later = AccountMail.objects.filter(kind=row.kind, about=row.about, pk__gt=row.pk)
    return later.exists()


def _invitation(row: AccountMail, at: datetime) -> Shown:
    invitation = Invitation.objects.select_related("tenant").get(pk=row.about or 0)
    secret, digest = new_secret()
    invitation.digest, invitation.expires_at = digest, at + VALID_FOR
    invitation.save(update_fields=["digest", "expires_at"])
    return {
        "invitation": invitation,
        "tenant": invitation.tenant,
        "role": granted_text(invitation),
        "link": address_of("invitation", secret),
    }


def _admin_reason(row: AccountMail, at: datetime) -> str:  # noqa: ARG001 - as all kinds
    """Return why a mail to tenant admins need not be sent: the reader is none now."""
    admins = Membership.objects.filter(
        tenant=row.tenant_id,
        role=Role.ADMIN,
        user__email=row.recipient,
        user__is_active=True,
    )
    return "" if admins.exists() else "not-member"


def _new_member(row: AccountMail, at: datetime) -> Shown:  # noqa: ARG001 - as all kinds
    details = dict(row.details or {})
    details["role"] = str(Role(details["role"]).label)
    return {"tenant": Tenant.objects.get(pk=row.tenant_id or 0), "member": details}


def _setup_file(row: AccountMail, at: datetime) -> Shown:  # noqa: ARG001 - as all kinds
    return {
        "tenant": Tenant.objects.get(pk=row.tenant_id or 0),
        "token": (row.details or {})["token"],
    }


def _link_reason(row: AccountMail, at: datetime) -> str:  # noqa: ARG001 - as all kinds
    rows = AddressChange.objects.select_related("user")
    change = rows.filter(pk=row.about or 0, ended_at=None).first()
    if change is None:
        return "overtaken"
    if not change.user.is_active:
        return "account-closed"
    # Neither this mail nor the page reveals that the address has an account.
    return "taken" if User.objects.filter(email=row.recipient).exists() else ""


def _address_link(row: AccountMail, at: datetime) -> Shown:
    change = AddressChange.objects.select_related("user").get(pk=row.about or 0)
    secret, digest = new_secret()
    change.digest, change.expires_at = digest, at + VALID_FOR
    change.save(update_fields=["digest", "expires_at"])
    return {"user": change.user, "link": address_of("confirm-address", secret)}


def _address_changed(row: AccountMail, at: datetime) -> Shown:  # noqa: ARG001 - as all kinds
    return {"address": row.invited_by, "ip": (row.details or {}).get("ip", "")}
