"""Signed-in clients of billing staff, for tests of their pages."""

from typing import Any

from django.test import Client

from portal.db import unit_of_work
from portal.models import StaffRole, User
from portal.tenants import create
from tests.builders import NOW, PASSWORD


def staff(role: str) -> User:
    """Add a clerk or an auditor."""
    with unit_of_work.acting_for(unit_of_work.STAFF):
        return create.add_person(
            email=f"{role}@vendor.example",
            name=role.title(),
            password=PASSWORD,
            staff_role=role,
            at=NOW,
        )


def signed_in(person: User, **options: Any) -> Client:
    """Return somebody's browser, which shows the page of a fault as people see it."""
    client = Client(**{"raise_request_exception": False, **options})
    client.force_login(person)
    return client


def staff_client(role: StaffRole) -> Client:
    """Return the browser of a clerk or an auditor; a fault breaks the test."""
    return signed_in(staff(role), raise_request_exception=True)
