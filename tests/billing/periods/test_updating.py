"""Lists, exports and mails show which tenants are being updated."""

import csv
import io
import time
from collections.abc import Iterator
from typing import Any

import pytest
import time_machine
from django.test import Client

from billing.mail import digest
from billing.models import SummaryMark
from billing.periods import marks, refresh, stale_summaries, updating
from billing.periods.marks import ALL_PERIODS
from portal.db import unit_of_work
from tests.billing.lateness.late_tenants import (
    AFTER,
    MAY,
    open_periods,
    open_short,
    run_check,
)
from tests.billing.periods.paused_threads import running
from tests.builders import NOW, Company


@pytest.fixture
def company(db: None, no_inbox: None) -> Iterator[Company]:
    made = open_short("U-1")
    open_periods()
    run_check(AFTER)
    with time_machine.travel(AFTER):
        yield made


def mark(company: Company) -> None:
    with unit_of_work.acting_for(company.id, holding=True):
        marks.mark(company.id, ALL_PERIODS, at=NOW)


def fail(company: Company) -> None:
    mark(company)
    with unit_of_work.acting_for(company.id):
        SummaryMark.objects.update(failed_at=NOW)


def exported(client: Client, path: str) -> list[dict[str, str]]:
    data = b"".join(client.get(path).streaming_content)  # type: ignore[attr-defined]  # streamed
    return list(csv.DictReader(io.StringIO(data.decode("utf-8-sig"))))


PAGES = (f"/staff/?period={MAY}", "/staff/late")


@pytest.mark.parametrize("path", PAGES)
def test_pages_count_the_tenants_that_are_being_updated(
    company: Company, clerk: Client, path: str
) -> None:
    assert "being updated" not in clerk.get(path).content.decode()
    mark(company)
    page = clerk.get(path).content.decode()
    assert "In all, 1 tenant is being updated. Files and changes received since" in page
    assert '<span class="second">being updated</span>' in page


@pytest.mark.parametrize("path", PAGES)
def test_pages_name_the_tenants_that_cannot_be_computed(
    company: Company, clerk: Client, path: str
) -> None:
    fail(company)
    page = clerk.get(path).content.decode()
    assert "of these tenants cannot be computed: U-1." in page
    assert "tenant is being updated" not in page


def test_a_tenant_page_shows_that_a_flag_is_being_updated(
    company: Company, clerk: Client
) -> None:
    text = "The state of this flag does not include the newest files or changes yet."
    tab = "/staff/tenants/U-1/to-decide"
    assert text not in clerk.get(tab).content.decode()
    mark(company)
    assert text in clerk.get(tab).content.decode()


@pytest.mark.parametrize("path", [f"/staff/desk.csv?period={MAY}", "/staff/late.csv"])
def test_an_export_shows_which_tenants_are_being_updated(
    company: Company, clerk: Client, path: str
) -> None:
    assert [row["Being updated"] for row in exported(clerk, path)] == [""]
    mark(company)
    found = [row["Being updated"] for row in exported(clerk, path)]
    assert found == ["being updated"]
    fail(company)
    found = [row["Being updated"] for row in exported(clerk, path)]
    assert found == ["cannot be computed"]


@pytest.mark.parametrize("path", [f"/staff/desk.csv?period={MAY}", "/staff/late.csv"])
def test_an_export_waits_until_the_summaries_are_refreshed(
    company: Company,
    clerk: Client,
    monkeypatch: pytest.MonkeyPatch,
    path: str,
) -> None:
    mark(company)

    def sleep(_: float) -> None:
        running(lambda: refresh.refresh_all(seconds=60)).finish()

    monkeypatch.setattr(updating, "WAIT_FOR", 60.0)
    monkeypatch.setattr(time, "sleep", sleep)
    assert [row["Being updated"] for row in exported(clerk, path)] == [""]


def test_an_export_does_not_wait_for_failed_tenants(
    company: Company, clerk: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    fail(company)
    monkeypatch.setattr(updating, "WAIT_FOR", 60.0)
    monkeypatch.setattr(time, "sleep", lambda _: pytest.fail("it waits"))
    path = f"/staff/desk.csv?period={MAY}"
    found = [row["Being updated"] for row in exported(clerk, path)]
    assert found == ["cannot be computed"]


def test_selected_tenants_are_refreshed_before_they_are_shown(
    company: Company, clerk: Client
) -> None:
    mark(company)
    page = clerk.get(f"/staff/selected?act=remind&tenant={company.id}&period={MAY}")
    assert "being updated" not in page.content.decode()


def test_the_api_shows_which_tenants_are_being_updated(
    company: Company, clerk: Client
) -> None:
    address = f"/api/v1/staff/standings?period={MAY}"
    assert clerk.get(address).json()["tenants"][0]["is_updating"] is False
    mark(company)
    assert clerk.get(address).json()["tenants"][0]["is_updating"] is True


def test_a_digest_names_who_could_not_be_updated_in_time(
    company: Company, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(stale_summaries, "_compute", lambda *_: 1 / 0)
    mark(company)
    refresh.refresh_all(seconds=1)
    with unit_of_work.acting_for(unit_of_work.STAFF, reading=True):
        found = updating.updating_tenants().names_text
    assert found.endswith("of this tenant are not counted yet: U-1")
    mail: Any = digest._compose(
        "clerk@vendor.example",
        {"updating": found, "periods": [], "open_items": [], "day": AFTER.date()},
    )
    assert found in mail.message.body


def test_many_tenants_are_counted_up_to_a_limit() -> None:
    many = updating.UpdatingTenants(count=1_001, numbers=("A-1", "A-2"))
    assert many.text == "In all, more than 1,000 tenants are being updated."
    assert many.names_text.endswith(": A-1, A-2 and others")
    assert updating.UpdatingTenants().names_text == ""
