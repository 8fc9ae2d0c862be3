"""The contact for late mails: chosen by an admin, confirmed by a link before any mail.

Without the link, a typing error would send a tenant's late mails to a stranger. The
earlier confirmed contact remains until the new one is confirmed.
"""

from datetime import datetime, timedelta

from billing.models import LateContact
from portal.accounts import mail_kinds, request_mails
from portal.accounts.mail_kinds import MailKind, Shown
from portal.audit import log as audit_log
from portal.db import unit_of_work
from portal.errors import Refused
from portal.models import AccountMail, AccountMailKind, Tenant
from portal.people.links import VALID_FOR, address_of, digest_of, new_secret

# Links for contacts of one tenant within a day.
_LINKS_A_DAY = 5
_DAY = timedelta(days=1)


def register_kind() -> None:
    """Register the mail with the link; called once from `AppConfig.ready`."""
    mail_kinds.register(AccountMailKind.CONTACT_LINK, MailKind(_reason, _shown))


def choose_contact(tenant_id: int, *, address: str, by: str, at: datetime) -> bool:
    """Choose the contact for late mails; empty for none. True if a link is sent.

    In the running unit of work of the tenant.

    Raises:
        Refused: too many links were sent within a day.

    """
    unit_of_work.hold_tenant(tenant_id)
    tenant = Tenant.objects.get(pk=tenant_id)
    LateContact.objects.filter(ended_at=None).update(ended_at=at)
    if address and address != tenant.escalation_address:
        _queue_link(tenant_id, address, by=by, at=at)
        _append(tenant_id, "late-contact-chosen", address, by=by, at=at)
        return True
    if address != tenant.escalation_address:
        Tenant.objects.filter(pk=tenant_id).update(escalation_address="")
        _append(tenant_id, "late-contact-removed", "", by=by, at=at)
    return False


def unconfirmed_contact() -> LateContact | None:
    """Return the contact that waits for its link, in a unit of work of the tenant."""
    return LateContact.objects.filter(ended_at=None).first()


def find_link(secret: str, *, at: datetime) -> LateContact:
    """Return the contact that a link confirms, in a unit of work of the staff.

    Raises:
        Refused: the link does not work.

    """
    rows = LateContact.objects.select_related("tenant")
    contact = rows.filter(digest=digest_of(secret)).first()
    if contact is None or (contact.ended_at and not contact.confirmed_at):
        raise Refused("link-unknown")
    if contact.confirmed_at is not None:
        raise Refused("link-used")
    if at >= contact.expires_at:
        raise Refused("link-expired")
    return contact


def confirm(secret: str, *, at: datetime) -> LateContact:
    """Confirm a contact: late mails go to it from now on.

    Raises:
        Refused: as in `find_link`; nothing was changed.

    """
    with unit_of_work.acting_for(unit_of_work.STAFF):
        found = find_link(secret, at=at)
        unit_of_work.hold_tenant(found.tenant_id)
        contact = find_link(secret, at=at)
        contact.confirmed_at = contact.ended_at = at
        contact.save(update_fields=["confirmed_at", "ended_at"])
        Tenant.objects.filter(pk=contact.tenant_id).update(
            escalation_address=contact.address
        )
        _append(
            contact.tenant_id,
            "late-contact-confirmed",
            contact.address,
            by=contact.address,
            at=at,
        )
    return contact


def _queue_link(tenant_id: int, address: str, *, by: str, at: datetime) -> None:
    recent = LateContact.objects.filter(created_at__gt=at - _DAY)
    if recent.count() >= _LINKS_A_DAY:
        raise Refused("too-often")
    contact = LateContact.objects.create(
        tenant_id=tenant_id,
        address=address,
        chosen_by=by,
        created_at=at,
        expires_at=at + VALID_FOR,
    )
    request_mails.queue(
        AccountMailKind.CONTACT_LINK,
        to=address,
        by=by,
        at=at,
        tenant_id=tenant_id,
        about=contact.pk,
    )


def _append(tenant_id: int, act: str, address: str, *, by: str, at: datetime) -> None:
    audit_log.append(tenant_id=tenant_id, actor=by, act=act, subject=address, at=at)


def _reason(row: AccountMail, at: datetime) -> str:  # noqa: ARG001 - as all kinds
    waiting = LateContact.objects.filter(pk=row.about or 0, ended_at=None)
    return "" if waiting.exists() else "overtaken"


def _shown(row: AccountMail, at: datetime) -> Shown:
    contact = LateContact.objects.select_related("tenant").get(pk=row.about or 0)
    secret, digest = new_secret()
    contact.digest, contact.expires_at = digest, at + VALID_FOR
    contact.save(update_fields=["digest", "expires_at"])
    return {
        "tenant": contact.tenant,
        "link": address_of("confirm-contact", secret),
    }
