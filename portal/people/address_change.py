"""Changes the mail address of a person, who proves the old and the new one.

The old one by a fresh sign-in, the new one by a link that is sent to it. The response
is the same whether the new address has an account or not.
"""

from datetime import datetime

from allauth.account.models import EmailAddress
from django.db import IntegrityError

from portal.accounts import request_mails
from portal.audit import log as audit_log
from portal.db import unit_of_work
from portal.errors import Refused
from portal.models import (
    AccountMail,
    AccountMailKind,
    AddressChange,
    EventKind,
    Membership,
    User,
)
from portal.people.invite import DAY, MAILS_A_DAY
from portal.people.links import VALID_FOR, digest_of
from portal.people.locks import hold_people
from portal.security_events.record import Origin, record


def request_change(user_id: int, address: str, *, at: datetime) -> None:
    """Queue a link to a new address; an earlier link of the person ends.

    In a unit of work of the staff.

    Raises:
        Refused: it is the person's address already, or too many links were sent.

    """
    user = User.objects.select_for_update().get(pk=user_id)
    if address == user.email:
        raise Refused("nothing-to-change")
    _require_few_links(user_id, address, at=at)
    AddressChange.objects.filter(user=user, ended_at=None).update(ended_at=at)
    change = AddressChange.objects.create(
        user=user, address=address, created_at=at, expires_at=at + VALID_FOR
    )
    request_mails.queue(
        AccountMailKind.ADDRESS_LINK, to=address, by=user.email, at=at, about=change.pk
    )


def open_change(user_id: int) -> AddressChange | None:
    """Return the change that waits for its link, in a unit of work of the staff."""
    return AddressChange.objects.filter(user=user_id, ended_at=None).first()


def find_change(secret: str, *, user_id: int, at: datetime) -> AddressChange:
    """Return the change that a link confirms, in a unit of work of the staff.

    Raises:
        Refused: the link does not work, or is somebody else's.

    """
    rows = AddressChange.objects.select_related("user")
    change = rows.filter(digest=digest_of(secret)).first()
    if change is None or (change.ended_at and not change.confirmed_at):
        raise Refused("link-unknown")
    if change.user_id != user_id:
        raise Refused("link-of-another")
    if change.confirmed_at is not None:
        raise Refused("link-used")
    if at >= change.expires_at:
        raise Refused("link-expired")
    return change


def confirm_change(
    secret: str, *, user_id: int, origin: Origin, at: datetime
) -> AddressChange:
    """Change the address, and mail the old one; all or nothing.

    Raises:
        Refused: as in `find_change`, or the address belongs to an account.

    """
    try:
        with unit_of_work.acting_for(unit_of_work.STAFF):
            # The locks of the trails are taken before that of the person's row.
            for trail in _trails(user_id):
                hold_people(trail)
            user = User.objects.select_for_update().get(pk=user_id)
            change = find_change(secret, user_id=user_id, at=at)
            _store(change, user, origin=origin, at=at)
    except IntegrityError as error:
        raise Refused("address-taken") from error
    return change


def _require_few_links(user_id: int, address: str, *, at: datetime) -> None:
    recent = AddressChange.objects.filter(created_at__gt=at - DAY)
    to_address = AccountMail.objects.filter(
        kind=AccountMailKind.ADDRESS_LINK, recipient=address, planned_at__gt=at - DAY
    )
    counts = (recent.filter(user=user_id).count(), to_address.count())
    if max(counts) >= MAILS_A_DAY:
        raise Refused("too-often")


def _trails(user_id: int) -> list[int | None]:
    """Return the tenants whose trails name the person; None, the staff's, is last."""
    rows = Membership.objects.filter(user=user_id).order_by("tenant_id")
    tenants = list(rows.values_list("tenant_id", flat=True))
    is_staff = User.objects.filter(pk=user_id).exclude(staff_role="").exists()
    return [*tenants, *([None] if is_staff else [])]


def _store(change: AddressChange, user: User, *, origin: Origin, at: datetime) -> None:
    was, address = user.email, change.address
    if User.objects.filter(email=address).exists():
        raise Refused("address-taken")
    user.email = address
    user.save(update_fields=["email"])
    # Sign-in finds a person by this row.
    EmailAddress.objects.filter(user=user, primary=True).update(
        email=address, verified=True
    )
    change.confirmed_at = change.ended_at = at
    change.save(update_fields=["confirmed_at", "ended_at"])
    for trail in _trails(user.pk):
        audit_log.append(
            tenant_id=trail,
            actor=address,
            act="address-changed",
            subject=address,
            details={"was": was},
            at=at,
        )
    record(
        EventKind.ADDRESS_CHANGED,
        origin=origin,
        at=at,
        user_id=user.pk,
        details={"was": was, "address": address},
    )
    request_mails.queue(
        AccountMailKind.ADDRESS_CHANGED,
        to=was,
        by=address,
        at=at,
        details={"ip": origin.address},
    )
