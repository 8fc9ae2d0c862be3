"""A tenant's period on its staff page: missing days, and mails sent."""

from collections.abc import Iterator
from typing import Any

import pytest
import time_machine
from django.test import Client

from tests.billing.desk.bulk_page import named, open_three, page, post, read, to_post
from tests.billing.lateness.late_tenants import AFTER, MAY, open_short
from tests.builders import Company


@pytest.fixture
def three(db: None, settings: Any) -> Iterator[list[Company]]:
    with time_machine.travel(AFTER):
        yield open_three(settings)


def test_who_is_late_and_never_sent_anything_is_understood_from_the_page(
    three: list[Company], clerk: Client
) -> None:
    fields = to_post(page(clerk, named(three[:1], "remind")))
    post(clerk, fields)
    address = f"/staff/tenants/L-1?period={MAY}"
    said = read(clerk.get(address).content.decode())
    assert "Missing since Wed 27 May 2026, 00:00 CEST" in said
    assert "Late since Fri 5 June 2026, 00:00 CEST" in said
    assert "What is missing IC01" in said
    assert "Reminder by staff, number 1 admin@l-1.example" in said
    assert "Remind now" in said
    # Who brought all is not told of anything missing.
    other = read(clerk.get(f"/staff/tenants/L-3?period={MAY}").content.decode())
    assert "Missing since" not in other
    assert "Late since" not in other
    assert "28 April to 27 May" in other


def test_what_is_no_period_is_refused(clerk: Client) -> None:
    open_short("L-1")
    assert clerk.get("/staff/tenants/L-1?period=x").status_code == 422
