"""Thousands of files dropped at once leave the page responsive."""

import hashlib
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
from playwright.sync_api import Page, Route, expect

from portal.db import unit_of_work
from tests.browser.conftest import Open
from tests.browser.folder_drop import UPLOAD, drop, sent_by, wait_for_end
from tests.builders import NOW, Company
from usage.models import FileState, How, UsageFile
from usage.storage import store

pytestmark = [pytest.mark.browser, pytest.mark.usefixtures("charlie_sees_nothing")]

MANY, SENT = 2_000, 600

# The longest that the page may be busy with itself, in milliseconds.
LONGEST = 500


def write_many(folder: Path, count: int) -> list[bytes]:
    """Years of several servers: a folder each, with the same names in all of them."""
    written = []
    for number in range(count):
        server = folder / f"IC{number // 500:02}"
        server.mkdir(parents=True, exist_ok=True)
        written.append(b"%d " % number * 20)
        (server / f"{number % 500}.usg").write_bytes(written[-1])
    return written


def keep_all(company: Company, contents: list[bytes]) -> None:
    """Have them here, received, without the time that two thousand arrivals take."""
    rows = [
        UsageFile(
            id=uuid4(),
            tenant_id=company.id,
            state=FileState.RECEIVED,
            name="many.usg",
            size=len(data),
            sha256=hashlib.sha256(data).digest(),
            tail=data[-64:],
            how=How.API,
            sent_by="test",
            received_at=NOW,
            stored_as=f"many/{number}",
        )
        for number, data in enumerate(contents)
    ]
    with unit_of_work.acting_for(company.id):
        UsageFile.objects.bulk_create(rows)
    # A file whose bytes are nowhere would be asked for again.
    for row, data in zip(rows, contents, strict=True):
        path = Path(store._storage().path(row.stored_as))
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)


def watch_tasks(page: Page) -> None:
    page.evaluate(
        "() => { window.tasks = []; new PerformanceObserver(list => tasks.push("
        "...list.getEntries().map(one => one.duration)))"
        ".observe({type: 'longtask'}); }"
    )


def longest_task(page: Page) -> float:
    return float(page.evaluate("Math.max(0, ...tasks)"))


def test_thousands_of_files_that_are_here_are_compared_and_not_sent(
    open_page: Open, alice: Company, tmp_path: Path
) -> None:
    keep_all(alice, write_many(tmp_path / "ic", MANY))
    page = open_page(alice, UPLOAD)
    watch_tasks(page)
    sent = sent_by(page)
    drop(page, tmp_path / "ic")
    expect(page.locator("#run-title")).to_be_focused()
    wait_for_end(page)
    # They wait for their check, which is shown, and not that they were here already.
    expect(page.locator(".verdict-label").first).to_have_text("Received")
    assert sent == []
    assert longest_task(page) < LONGEST


def test_thousands_of_verdicts_are_shown_some_at_a_time(
    open_page: Open, alice: Company, tmp_path: Path
) -> None:
    write_many(tmp_path / "ic", SENT)
    problem = {"code": "magic-unknown", "where": "byte 0", "title": "No.", "advice": ""}
    row = {"id": "some", "problems": [problem], "server": None, "day": None}
    refused: list[str] = []

    def refuse(route: Route) -> Any:
        refused.append(route.request.url)
        route.fulfill(status=422, json={"verdict": "rejected", "file": row})

    page = open_page(alice, UPLOAD)
    # What the portal does with each is not asked here; it would take minutes.
    page.route("**/api/v1/files/*.usg", refuse)
    watch_tasks(page)
    drop(page, tmp_path / "ic")
    wait_for_end(page, timeout=90_000)
    assert len(refused) == SENT
    rows = page.locator(".verdict")
    # The calendar is below the list, so that it is short at first.
    expect(rows).to_have_count(30)
    page.get_by_role("button", name=f"Show 100 of {SENT - 30} more files").click()
    expect(rows).to_have_count(130)
    expect(rows.nth(30)).to_be_focused()
    assert longest_task(page) < LONGEST
