"""Billing staff open a first customer and decide about a file, in a browser."""

import re
import zipfile
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Page, expect

from portal.jobs import queue as job_queue
from tests.browser.conftest import Open
from tests.browser.page_checks import check_page
from tests.builders import NOW, Company, Writer
from tests.usage.inbox.s3_inboxes import open_inboxes, put, run_inbox_task
from usage.uploads import judge
from usage.usg.keyfiles import Purpose, public_key

pytestmark = pytest.mark.browser


def open_the_first_tenant(page: Page) -> None:
    page.get_by_role("link", name="Open the first tenant").click()
    check_page(page)
    page.get_by_label("Customer number").fill("200001")
    page.get_by_label("Name of the company").fill("Trial Company")
    page.get_by_label("Time zone").select_option("Europe/Berlin")
    page.get_by_label("First owed day").fill("2026-04-28")
    expect(page.get_by_label("I3_FEATURE_USAGE_TRACKING_LOCAL")).to_be_checked()
    page.get_by_label("Name of the tenant admin").fill("Ida Trial")
    page.get_by_label("Mail address of the tenant admin").fill("ida@trial.example")
    page.get_by_role("button", name="Open the tenant").click()


def hand_over(page: Page, to: Path) -> Path:
    """Take the set-up file from the page, as it is handed to the customer."""
    expect(page.get_by_text("Next: hand over the server set-up.")).to_be_visible()
    with page.expect_download() as download:
        page.get_by_role("button", name="Hand over the server set-up").click()
    assert download.value.suggested_filename == "usage-portal-200001.zip"
    download.value.save_as(to)
    page.reload()
    expect(page.get_by_text("Next: send the first file.")).to_be_visible()
    page.get_by_role("link", name="Upload for the tenant").click()
    return to


def server_of(set_up: Path) -> Writer:
    """A server that knows of the portal what stands in its set-up file."""
    with zipfile.ZipFile(set_up) as packed:
        key = public_key(packed.read("sealing.key.pub"), Purpose.SEALING)
    return Writer(tenant="200001", name="IC1", zone="Europe/Berlin", sealing_public=key)


def test_a_first_run_without_demo_leads_to_the_first_file(
    open_page: Open, clerk: Company, tmp_path: Path
) -> None:
    page = open_page(clerk, "/", role="clerk")
    expect(page).to_have_url(re.compile("/staff/$"))
    check_page(page)
    expect(page.get_by_text("No tenants yet")).to_be_visible()

    open_the_first_tenant(page)
    is_invited = re.compile("An invitation is on its way to .*ida@trial.example")
    expect(page.get_by_text(is_invited)).to_be_visible()
    check_page(page)

    server = server_of(hand_over(page, tmp_path / "set-up.zip"))
    file = tmp_path / "IC1_2026-05-07.usg"
    file.write_bytes(server.day(date(2026, 5, 7)))
    page.get_by_label("Usage files of Trial Company").set_input_files(file)
    page.get_by_role("button", name="Send the files").click()
    expect(page.get_by_role("row", name=re.compile("IC1_2026.*Held"))).to_be_visible()
    check_page(page)

    page.get_by_role("link", name="Trial Company").click()
    expect(page.get_by_text("Next: confirm the server")).to_be_visible()
    check_page(page)
    trust_the_key(page)
    page.get_by_role("link", name="Period", exact=True).click()
    expect(page.get_by_text("is being forwarded to the archive")).to_be_visible()
    check_page(page)
    page.get_by_role("link", name="Files", exact=True).click()
    expect(page.get_by_role("cell", name="Accepted")).to_be_visible()


def trust_the_key(page: Page) -> None:
    page.get_by_role("link", name="Look at the key").click()
    page.get_by_label("Reason, kept in the audit trail").fill("Read to me by Ida")
    page.get_by_role("button", name="Trust this key of IC1").click()
    expect(page.get_by_text(re.compile("The key .* of IC1 is trusted"))).to_be_visible()


def test_of_two_files_a_clerk_lets_one_count(
    open_page: Open, clerk: Company, alice: Company
) -> None:
    day = date(2026, 5, 7)
    alice.send(alice.server.day(day), name="first.usg")
    alice.server.sequence -= 1
    alice.server.previous = None
    alice.send(alice.server.day(day, zone="UTC"), name="second.usg")
    alice.send(alice.server.day(day + timedelta(days=1)), name="third.usg")
    page = open_page(clerk, "/staff/held", role="clerk", java_script_enabled=False)
    expect(page.get_by_role("link", name="To decide 1")).to_be_visible()
    page.get_by_role("link", name="second.usg").click()
    expect(page.get_by_text("because number 2 follows it")).to_be_visible()
    page.get_by_label("Reason, kept in the audit trail").fill("restored snapshot")
    page.get_by_role("button", name=re.compile("count instead")).click()
    expect(page.get_by_text("second.usg is now: accepted.")).to_be_visible()
    expect(page.get_by_text("It counts.")).to_be_visible()


def test_the_page_of_the_inboxes_can_be_used_by_everybody(
    open_page: Open, clerk: Company, alice: Company, settings: Any
) -> None:
    open_inboxes(settings)
    page = open_page(clerk, "/staff/inbox", role="clerk")
    check_page(page)
    put(alice, "IC01/good.usg", alice.server.day(date(2026, 5, 7)))
    put(alice, "bad.usg", b"rubbish")
    put(alice, "strange.usg", alice.writer("IC77").day(date(2026, 5, 7)))
    put(alice, "readme.txt", b"not for the portal")
    run_inbox_task()
    put(alice, "IC02/a-rather-long-name_2026-05-07_0001.usg", b"broken")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(judge, "receive_and_judge", lambda *_, **__: 1 / 0)
        for number in range(job_queue.MOST_FAULTS):
            run_inbox_task(NOW + timedelta(hours=1 + number))
    page.reload()
    check_page(page)
    page.get_by_role("link", name="Set aside").click()
    page.get_by_role("button", name="Try again").click()
    expect(page.get_by_text("is tried again within a minute")).to_be_visible()


def test_anchors_of_the_former_page_of_a_tenant_lead_to_the_right_tab(
    open_page: Open, clerk: Company, alice: Company
) -> None:
    here = f"/staff/tenants/{alice.number}"
    page = open_page(clerk, f"{here}?period=2026-05#late", role="clerk")
    expect(page).to_have_url(
        re.compile(re.escape(f"{here}/to-decide?period=2026-05#late"))
    )
    page.goto(f"{here}#keys")
    expect(page).to_have_url(re.compile(re.escape(f"{here}/servers#keys")))
    page.goto(f"{here}#period")
    expect(page.get_by_role("link", name="Period", exact=True)).to_have_attribute(
        "aria-current", "page"
    )
