"""Fixtures shared by the billing tests: a clerk, and a tenant that lacks a day."""

from typing import Any

import pytest
from django.test import Client

from portal.models import StaffRole
from tests.billing.desk.tenants_in_situations import open_situations
from tests.billing.lateness.late_tenants import open_periods, open_short
from tests.billing.staff.staff_clients import staff_client
from tests.builders import Company


@pytest.fixture
def clerk(db: None) -> Client:
    return staff_client(StaffRole.CLERK)


@pytest.fixture
def no_inbox(settings: Any) -> None:
    """Nobody has an inbox, so that no flag waits until one was listed."""
    settings.INBOX_BUCKET = ""


@pytest.fixture
def short(db: None, no_inbox: None) -> Company:
    """A tenant that owes two days and has sent neither."""
    company = open_short("A-1")
    open_periods()
    return company


@pytest.fixture
def situations(db: None, no_inbox: None) -> dict[str, Company]:
    """A tenant in each situation; most of them lack the last day."""
    return open_situations()
