"""Billing staff who have signed in, for tests of their pages."""

from django.test import Client

from portal import access, tenants
from portal.models import StaffRole
from tests.builders import NOW, PASSWORD


def staff_client(role: StaffRole) -> Client:
    """Return the browser of a clerk or an auditor."""
    with access.acting_for(access.STAFF):
        person = tenants.add_person(
            email=f"{role}@vendor.example", name=str(role), password=PASSWORD, at=NOW
        )
        person.staff_role = role
        person.save(update_fields=["staff_role"])
    client = Client()
    client.force_login(person)
    return client
