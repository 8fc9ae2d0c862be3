"""Billing staff who have signed in, for tests of their pages."""

from typing import Any

from django.test import Client

from portal import access, tenants
from portal.models import StaffRole, User
from tests.builders import NOW, PASSWORD


def staff(role: str) -> User:
    """Add a clerk or an auditor."""
    with access.acting_for(access.STAFF):
        return tenants.add_person(
            email=f"{role}@vendor.example",
            name=role.title(),
            password=PASSWORD,
            staff_role=role,
            at=NOW,
        )


def signed_in(person: User, **wish: Any) -> Client:
    """Return somebody's browser, which shows the page of a fault as people see it."""
    client = Client(**{"raise_request_exception": False, **wish})
    client.force_login(person)
    return client


def staff_client(role: StaffRole) -> Client:
    """Return the browser of a clerk or an auditor; a fault breaks the test."""
    return signed_in(staff(role), raise_request_exception=True)
