"""The page *Forwarding* in a browser: readable by all, and without script."""

import re
from collections.abc import Iterator
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import expect

from portal.db import unit_of_work
from portal.jobs import queue as job_queue
from portal.jobs.queue import JobState
from tests.browser.conftest import Open
from tests.browser.page_checks import check_page
from tests.builders import NOW, Company
from usage.forwarding import forward, probe
from usage.forwarding import queue as forward_queue
from usage.maintenance import orphans, reconcile
from usage.models import Forwarding, Settling
from usage.storage import archive, s3_client
from usage.uploads import judge_pending

pytestmark = pytest.mark.browser

DAY = date(2026, 5, 7)


@pytest.fixture(autouse=True)
def _bucket(db: None, settings: Any, tmp_path: Path) -> Iterator[None]:
    settings.S3 = {**settings.S3, "prefix": f"{tmp_path.name}/"}
    archive.prepare()
    yield
    s3_client.client.cache_clear()


@pytest.fixture
def with_failures(alice: Company, charlie: Company) -> Company:
    """A company with files in every state that the page knows."""
    for data in alice.server.days(DAY, DAY + timedelta(days=4)):
        alice.send(data, name="IC01-of-a-day-with-a-long-name.usg")
    while forward.forward_waiting(now=lambda: NOW):
        pass
    with unit_of_work.acting_for(alice.id, reading=True):
        gone = Forwarding.objects.order_by("pk")[0]
    archive.remove(gone.key)
    for check in (reconcile.reconcile, orphans.remove_orphans, probe.probe):
        check(now=lambda: NOW + timedelta(days=1))
    fail_jobs(charlie)
    for data in charlie.server.days(DAY, DAY + timedelta(days=2)):
        charlie.send(data)
    for claim in job_queue.claim(Forwarding, most=9, lease_for=timedelta(1), at=NOW):
        with unit_of_work.acting_for(claim.tenant_id):
            job_queue.postpone(Forwarding, claim, problem="ExpiredToken", at=NOW)
    return charlie


def fail_jobs(company: Company) -> None:
    company.send(company.writer("IC09").day(DAY), name="unreadable.usg")
    company.send(company.server.day(DAY - timedelta(days=1)), name="foreign.usg")
    failed = {"state": JobState.FAILED, "ended_at": NOW}
    with unit_of_work.acting_for(company.id):
        unread = Settling.objects.filter(file__name="unreadable.usg")
        unread.update(problem=judge_pending.READER_FAILED, **failed)
        Forwarding.objects.update(problem=forward_queue.FOREIGN_BYTES, **failed)


def test_everybody_can_use_it(
    open_page: Open, clerk: Company, with_failures: Company
) -> None:
    page = open_page(clerk, "/staff/forwarding", role="clerk")
    check_page(page)
    for summary in page.locator("main summary").all():
        summary.click()
    check_page(page)
    expect(page.get_by_text("The credentials for S3 have expired.")).not_to_have_count(
        0
    )
    expect(page.get_by_text("Other bytes than ours").first).to_be_visible()


def test_a_file_is_let_go_on_without_script(
    open_page: Open, clerk: Company, with_failures: Company
) -> None:
    page = open_page(
        clerk, "/staff/forwarding", role="clerk", java_script_enabled=False
    )
    expect(page.get_by_role("link", name="Forwarding 2")).to_be_visible()
    row = page.get_by_role("row", name=re.compile("foreign.usg"))
    row.locator("summary").click()
    row.get_by_role("button", name=re.compile("Yes, try again.*foreign")).click()
    expect(page.get_by_text("It is tried again now.")).to_be_visible()
    expect(page.get_by_role("link", name="Forwarding 1")).to_be_visible()


def test_nothing_waiting_is_a_page_too(open_page: Open, clerk: Company) -> None:
    page = open_page(clerk, "/staff/forwarding", role="clerk")
    check_page(page)
    expect(page.get_by_text("Nothing waits.")).to_be_visible()
