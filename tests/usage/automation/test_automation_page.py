"""The page *Automation*: runs of each server, the sender, tokens and the S3 inbox."""

import json
import re
from collections.abc import Iterator
from datetime import date, timedelta
from html import unescape
from typing import Any
from uuid import uuid4

import pytest
import time_machine
from django.db import connection
from django.test.utils import CaptureQueriesContext

from portal.accounts import tokens
from portal.accounts.caller import Caller
from portal.db import unit_of_work
from portal.models import ApiToken, Scope, StaffRole
from tests.billing.staff.staff_clients import staff_client
from tests.builders import NOW, Company, digest_header
from tests.usage.automation.server_runs import item, run, words
from tests.usage.files.customer_pages import queries_of, signed_in
from usage.automation import queries as automation_queries
from usage.sender.versions import NEWEST
from usage.tiles import TILES

HOUR = timedelta(hours=1)
DAY = date(2026, 5, 1)


@pytest.fixture(autouse=True)
def _at(settings: Any) -> Iterator[None]:
    settings.INBOX_BUCKET = ""
    settings.PORTAL_ADDRESS = "https://portal.example"
    with time_machine.travel(NOW, tick=False):
        yield


def test_the_last_run_of_each_server_is_shown_to_its_tenant_alone(
    alice: Company, charlie: Company
) -> None:
    viewer = signed_in(alice)
    assert "No server has reported a run yet." in words(viewer)
    file, _ = alice.send(alice.server.day(DAY))
    bad, _ = alice.send(b"PK\x03\x04 no usage file")
    run(alice, "IC1", item(0, "failed"), at=NOW - 3 * HOUR)
    run(alice, "IC1", item(0, "accepted", file_id=file.pk), at=NOW - HOUR)
    key = run(
        alice,
        "IC2",
        item(0, "rejected", file_id=bad.pk),
        item(1, "failed", "blocked", status=403),
        at=NOW - 2 * HOUR,
        version="usage-sender 0.1",
    )
    shown = words(viewer)
    assert "The last run of 1 of 2 servers needs attention." in shown
    # What needs attention is first.
    assert shown.index("IC2") < shown.index("IC1")
    assert "1 not sent, 1 rejected" in shown
    assert "1 file: This is a ZIP archive, not a usage file." in shown
    assert "refused the file (status 403)." in shown
    assert "from 192.0.2.7" in shown
    assert f"usage-sender 0.1 an older version; download {NEWEST}" in shown
    assert shown.count("an older version") == 1
    assert "1 accepted" in shown
    # In the zone of the tenant.
    assert "Wed 20 May 2026, 19:00" in shown
    assert f'href="/uploads/{key}"' in viewer.get("/automation").content.decode()
    assert "No server has reported a run yet." in words(signed_in(charlie))


def test_files_that_a_run_did_not_report_count_with_their_reasons(
    alice: Company, api: Any
) -> None:
    key = uuid4()
    sent = {"step": 1, "machine": "IC1", "is_ended": True}
    api(
        *("PUT", f"/uploads/{key}/report"),
        token=alice.token,
        data=json.dumps(sent),
        content_type="application/json",
    )
    data = b"PK\x03\x04 no usage file"
    api(
        *("PUT", "/files/day.usg"),
        token=alice.token,
        data=data,
        content_type="application/octet-stream",
        headers={**digest_header(data), "Portal-Upload": str(key)},
    )
    shown = words(signed_in(alice))
    assert "1 rejected" in shown
    assert "1 file: This is a ZIP archive, not a usage file." in shown


def test_a_server_without_a_run_for_two_days_is_named_first(alice: Company) -> None:
    run(alice, "IC1", at=NOW - timedelta(days=4, hours=1))
    run(alice, "IC2", item(0, "failed"), at=NOW - HOUR)
    run(alice, "IC3", at=NOW - timedelta(days=90))
    run(alice, "IC4", item(0, "accepted"), at=NOW - 2 * HOUR, is_ended=False)
    shown = words(signed_in(alice))
    assert "1 of 4 servers has not reported for more than 2 days." in shown
    assert "No run for 4 days" in shown
    order = [shown.index(f"IC{number} ") for number in (1, 2, 4, 3)]
    assert order == sorted(order)
    assert "Interrupted" in shown


def test_the_runs_of_one_server_are_listed_in_pages(alice: Company) -> None:
    for number in range(31):
        run(alice, "IC1", at=NOW - number * HOUR)
    run(alice, "IC2", item(0, "failed"), at=NOW - HOUR)
    viewer = signed_in(alice)
    shown = words(viewer, "/automation/runs?machine=IC1")
    assert "Runs of IC1" in shown
    assert "31 runs" in shown
    assert "1 to 30 of 31 uploads" in shown
    assert "not sent" not in shown
    assert (
        'href="?machine=IC1&amp;page=2"'
        in viewer.get("/automation/runs?machine=IC1").content.decode()
    )
    assert "31 to 31 of 31" in words(viewer, "/automation/runs?machine=IC1&page=2")
    # A number that is too high is the last page.
    assert "31 to 31 of 31" in words(viewer, "/automation/runs?machine=IC1&page=99")


@pytest.mark.parametrize("machine", ["", "IC9", "%00", "%F0%9F%98%80", "x" * 4_000])
def test_a_server_without_runs_has_no_page(
    alice: Company, charlie: Company, machine: str
) -> None:
    run(charlie, "IC9", at=NOW)
    # A run of the upload page has no machine.
    run(alice, "", at=NOW)
    answer = signed_in(alice).get(f"/automation/runs?machine={machine}")
    assert answer.status_code == 404


def test_odd_names_are_isolated_and_link_to_their_runs(alice: Company) -> None:
    name = 'IC "1" & \u05d0<b>'
    run(alice, name, at=NOW, version="\u05d0 <i>")
    viewer = signed_in(alice)
    page = viewer.get("/automation").content.decode()
    assert "<bdi>IC &quot;1&quot; &amp; \u05d0&lt;b&gt;</bdi>" in page
    assert '<bdi class="name">\u05d0 &lt;i&gt;</bdi>' in page
    (link,) = re.findall(r'href="(/automation/runs[^"]*)"', page)
    assert "Runs of IC" in words(viewer, unescape(link))


def test_the_number_of_queries_does_not_grow_with_servers_and_runs(
    alice: Company,
) -> None:
    file, _ = alice.send(b"PK\x03\x04 no usage file")
    viewer = signed_in(alice)
    pages = ("/automation", "/automation/runs?machine=IC0")
    run(alice, "IC0", item(0, "rejected", file_id=file.pk), at=NOW)
    few = [queries_of(viewer, path) for path in pages]
    for number in range(5):
        for hours in range(3):
            run(
                alice,
                f"IC{number}",
                item(0, "rejected", file_id=file.pk),
                item(1, "failed"),
                at=NOW - hours * HOUR,
                is_ended=False,
            )
    assert [queries_of(viewer, path) for path in pages] == few


def test_the_last_runs_are_found_by_their_index(alice: Company) -> None:
    run(alice, "IC1", at=NOW)
    with unit_of_work.acting_for(alice.id, reading=True):
        with connection.cursor() as cursor:
            cursor.execute("set local enable_seqscan = off")
        with CaptureQueriesContext(connection) as asked:
            automation_queries.last_runs()
        statement = asked[0]["sql"]
        with connection.cursor() as cursor:
            cursor.execute(f"explain {statement}")
            plan = "\n".join(line for (line,) in cursor.fetchall())
    assert "uploads_of_a_machine" in plan
    assert "Sort Key: u0" not in plan.lower()


def test_examples_have_the_address_of_the_portal_and_no_token(alice: Company) -> None:
    shown = words(signed_in(alice))
    assert "https://portal.example/api/v1/files/$FILE" in shown
    assert r"usage-sender.pyz send D:\i3\ic\work\usage --token-file" in shown
    assert "schtasks /Create /TN UsageSender" in shown
    assert "OnCalendar = " in shown
    assert alice.token not in shown
    page = signed_in(alice).get("/automation").content.decode()
    assert 'href="/access/usage-sender.pyz"' in page
    assert 'href="/access/usage-sender.ps1"' in page


def test_api_tokens_are_listed_with_their_states_without_their_secrets(
    alice: Company, charlie: Company
) -> None:
    alice.issue(Scope.READ)
    with unit_of_work.acting_for(alice.id):
        old, secret = tokens.issue(
            alice.id, name="old set-up", scope=Scope.UPLOAD, by="clara", at=NOW
        )
        ApiToken.objects.create(
            tenant_id=alice.id,
            name="spent",
            digest=bytes(32),
            scope=Scope.UPLOAD,
            made_by="clara",
            created_at=NOW,
            expires_at=NOW,
        )
    shown = words(signed_in(alice))
    assert "old set-up" in shown
    assert "clara" in shown
    assert "never" in shown
    assert secret not in shown
    assert re.search(r"spent Expired", shown)
    with unit_of_work.acting_for(alice.id):
        tokens.revoke(alice.id, old.pk, by="clara", at=NOW)
    assert re.search(r"old set-up Revoked", words(signed_in(alice)))
    assert "clara" not in words(signed_in(charlie))


def test_without_an_inbox_the_page_says_so(alice: Company) -> None:
    assert "This portal has no S3 inbox." in words(signed_in(alice))


def test_staff_see_runs_and_access_checks_of_one_tenant(
    alice: Company, charlie: Company
) -> None:
    run(alice, "IC1", item(0, "failed"), at=NOW, version="usage-sender 0.1")
    run(charlie, "OTHER", at=NOW)
    here = f"/staff/tenants/{alice.number}/automation"
    clerk = staff_client(StaffRole.CLERK)
    shown = words(clerk, here)
    assert "The last run of 1 of 1 servers needs attention." in shown
    assert f"an older version; {NEWEST} is the newest" in shown
    assert "No server has reported an access check yet." in shown
    assert "OTHER" not in shown
    page = clerk.get(here).content.decode()
    # The pages of uploads are the tenant's.
    assert 'href="/uploads' not in page
    assert f'href="{here}?machine=IC1"' in page
    assert "Runs of IC1" in words(clerk, f"{here}?machine=IC1")
    assert clerk.get(f"{here}?machine=OTHER").status_code == 404


def test_the_tile_counts_servers_and_those_that_are_silent(alice: Company) -> None:
    (tile,) = [one for one in TILES if one.url_name == "automation-page"]
    caller = Caller("viewer", alice.id, frozenset())

    def state() -> tuple[str, str]:
        with unit_of_work.acting_for(alice.id, reading=True):
            found = tile.load_state(caller, NOW)
        return str(found.text), str(found.state)

    assert state() == ("Servers can send usage files by themselves.", "")
    run(alice, "IC1", at=NOW)
    assert state() == ("1 server reports its runs.", "")
    run(alice, "IC2", at=NOW - timedelta(days=3))
    assert state() == (
        "2 servers report their runs.",
        "1 silent for more than 2 days",
    )
