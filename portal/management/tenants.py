"""Finds the tenant that a command names."""

from django.core.management.base import CommandError

from portal.db import unit_of_work
from portal.models import Tenant


def find_tenant(number: str) -> Tenant:
    """Return the tenant with a customer number; in a unit of work of its own.

    Raises:
        CommandError: there is none.

    """
    with unit_of_work.acting_for(unit_of_work.STAFF, reading=True):
        tenant = Tenant.objects.filter(number=number).first()
    if tenant is None:
        message = f"There is no tenant {number}."
        raise CommandError(message)
    return tenant
