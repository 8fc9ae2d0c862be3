"""The S3 inbox on the page *Automation*: its settings, and what was delivered last."""

from collections.abc import Iterator
from datetime import UTC, date, datetime
from typing import Any

import pytest

from portal.db import unit_of_work
from portal.models import StaffRole
from tests.billing.staff.staff_clients import staff_client
from tests.builders import NOW, Company
from tests.usage.automation.server_runs import words
from tests.usage.files.customer_pages import signed_in
from tests.usage.inbox.s3_inboxes import open_inboxes, put, run_inbox_task
from usage.models import InboxListing
from usage.storage import s3_client

DAY = date(2026, 5, 1)


@pytest.fixture
def inbox(db: None, settings: Any) -> Iterator[Any]:
    open_inboxes(settings)
    yield settings
    s3_client.client.cache_clear()


def test_the_inbox_is_shown_with_its_settings_and_what_came_last(
    alice: Company, charlie: Company, inbox: Any
) -> None:
    prefix = f"{inbox.INBOX_PREFIX}{alice.number}/"
    shown = words(signed_in(alice))
    assert f"Prefix {prefix}" in shown
    assert f"Bucket {inbox.INBOX_BUCKET}" in shown
    assert "Last listed not yet" in shown
    assert "Nothing has been delivered yet." in shown
    put(alice, "north/IC1.usg", alice.server.day(DAY))
    put(alice, "readme.txt", b"hello")
    # S3 dates objects by its own clock.
    now = datetime.now(UTC)
    assert run_inbox_task(now)
    shown = words(signed_in(alice))
    assert "north/IC1.usg" in shown
    assert "0 files to fetch" in shown
    assert "1 object whose key does not end in .usg" in shown
    assert ".verdict.json at the end of the name" in shown
    other = words(signed_in(charlie))
    assert "IC1.usg" not in other
    assert prefix not in other


@pytest.mark.parametrize(
    ("after", "text"),
    [
        ("move", "accepted/, held/, rejected/"),
        ("leave", "The portal leaves the files where they are."),
    ],
)
def test_the_page_says_what_becomes_of_files_in_the_inbox(
    alice: Company, inbox: Any, after: str, text: str
) -> None:
    inbox.INBOX_AFTER = after
    assert text in words(signed_in(alice))


def test_only_staff_see_why_an_inbox_cannot_be_listed(
    alice: Company, inbox: Any
) -> None:
    with unit_of_work.acting_for(alice.id):
        InboxListing.objects.create(
            tenant_id=alice.id, due_at=NOW, problem="AccessDenied"
        )
    shown = words(signed_in(alice))
    assert "The portal cannot list the inbox at the moment." in shown
    assert "AccessDenied" not in shown
    clerk = staff_client(StaffRole.CLERK)
    shown = words(clerk, f"/staff/tenants/{alice.number}/automation")
    assert "The store says: AccessDenied." in shown
