"""A dropped folder that contains a file which staff have refused before."""

from datetime import timedelta
from pathlib import Path

import pytest
from django.utils import timezone
from playwright.sync_api import expect

from tests.browser.axe import assert_accessible
from tests.browser.conftest import Open
from tests.browser.folder_drop import UPLOAD, drop, wait_for_end
from tests.builders import Company
from usage.review import decide

pytestmark = pytest.mark.browser


def test_a_refused_file_is_told_with_its_reason_and_not_sent_again(
    open_page: Open, alice: Company, tmp_path: Path
) -> None:
    now = timezone.now()
    data = alice.server.day(now.date() + timedelta(days=60))
    file, _ = alice.send(data)
    decide.refuse(alice.id, file_id=file.pk, by="c", at=now, reason="A <b>test</b>.")
    folder = tmp_path / "mine"
    folder.mkdir()
    (folder / "refused.usg").write_bytes(data)
    (folder / "copy.usg").write_bytes(data)
    unknown = alice.writer("IC77").day(now.date() - timedelta(days=3))
    (folder / "unknown.usg").write_bytes(unknown)
    page = open_page(alice, UPLOAD, role="uploader")
    drop(page, folder)
    wait_for_end(page)
    refused = page.locator(".verdict", has_text="refused.usg")
    expect(refused).to_contain_text("Refused by decision")
    expect(refused).to_contain_text("does not count: the billing team decided so")
    expect(refused).to_contain_text("A <b>test</b>.")
    held = page.locator(".verdict", has_text="unknown.usg")
    expect(held).to_contain_text("a tenant admin of your company confirms")
    expect(page.locator("#summary")).to_contain_text("2 refused by decision, 1 held")
    assert len(alice.files()) == 2
    assert_accessible(page)
