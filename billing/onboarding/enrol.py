"""Opens a tenant with licences, sealing key and an invited admin, all or nothing."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime

from billing.periods.open_periods import open_until, record_licences
from portal.db import unit_of_work
from portal.models import Invitation, Role, Tenant
from portal.people.invite import InvitedPerson, Inviter, invite_member
from portal.tenants import create
from usage import tenant_keys


@dataclass(frozen=True, slots=True, kw_only=True)
class NewCustomer:
    """The data that a new tenant is opened from."""

    number: str
    name: str
    zone: str
    first_owed_on: date
    licence_keys: Sequence[str]
    admin_email: str
    admin_name: str


@dataclass(frozen=True, slots=True)
class EnrolledCustomer:
    """The tenant, and the invitation of its first admin."""

    tenant: Tenant
    invitation: Invitation


def enrol(customer: NewCustomer, *, by: Inviter, at: datetime) -> EnrolledCustomer:
    """Open a tenant with all that it needs, in one unit of work.

    Raises:
        Refused: the number is taken, or there is no such time zone.
        ValidationError: a number, name or address that cannot be one.

    """
    with unit_of_work.acting_for(unit_of_work.STAFF):
        tenant = create.open_tenant(
            number=customer.number,
            name=customer.name,
            zone=customer.zone,
            first_owed_on=customer.first_owed_on,
            by=by.name,
            at=at,
        )
        record_licences(
            tenant.pk,
            from_on=customer.first_owed_on,
            licence_keys=customer.licence_keys,
            by=by.name,
            at=at,
        )
        open_until(tenant, today=at.date(), at=at)
        tenant_keys.make_sealing_key(tenant.pk, by=by.name, at=at)
        # A partner with an account accepts with it, and gets no second one.
        admin = InvitedPerson(
            address=customer.admin_email, name=customer.admin_name, role=Role.ADMIN
        )
        invitation = invite_member(tenant.pk, admin, by=by, at=at)
    return EnrolledCustomer(tenant, invitation)
