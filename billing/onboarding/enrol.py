"""Opens a tenant with licences, sealing key and first admin, all or nothing."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime

from billing.periods.open_periods import open_until, record_licences
from portal.db import unit_of_work
from portal.models import Role, Tenant, User
from portal.tenants import create
from portal.typed_text.clean import mail_address
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
    """The tenant and its admin; `is_new` if the person had no account before."""

    tenant: Tenant
    admin: User
    is_new: bool


def enrol(customer: NewCustomer, *, by: str, at: datetime) -> EnrolledCustomer:
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
            by=by,
            at=at,
        )
        record_licences(
            tenant.pk,
            from_on=customer.first_owed_on,
            licence_keys=customer.licence_keys,
            by=by,
            at=at,
        )
        open_until(tenant, today=at.date(), at=at)
        tenant_keys.make_sealing_key(tenant.pk, by=by, at=at)
        # A partner with an account gets one more tenant, not a second account.
        email = mail_address(customer.admin_email)
        existing = User.objects.filter(email=email).first()
        admin = existing or create.add_person(
            email=email, name=customer.admin_name, password=None, at=at
        )
        create.add_member(tenant.pk, user=admin, role=Role.ADMIN, by=by, at=at)
    return EnrolledCustomer(tenant, admin, is_new=existing is None)
