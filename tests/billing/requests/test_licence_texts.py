"""The page *Licences* in words: mode, deciding key, conflicts and what follows."""

import re
from collections.abc import Iterator
from datetime import UTC, date, datetime
from html import unescape

import pytest
import time_machine
from django.test import Client

from billing.coverage.licences import AUTOMATED, KEYS, MANUAL, VIRTUAL_CLOUD, held_on
from billing.requests import licences as licence_requests
from billing.requests.forms import LICENCES
from billing.requests.text import licences_text
from portal.models import StaffRole
from tests.billing.staff.staff_clients import staff_client
from tests.builders import Company
from tests.usage.files.customer_pages import signed_in

AT = datetime(2026, 6, 2, 12, tzinfo=UTC)
APRIL, LATER = date(2026, 4, 28), date(2026, 7, 1)


@pytest.fixture(autouse=True)
def _at() -> Iterator[None]:
    with time_machine.travel(AT, tick=False):
        yield


def words(client: Client, path: str = "/licences") -> str:
    answer = client.get(path)
    assert answer.status_code == 200
    return " ".join(unescape(re.sub(r"<[^>]*>", " ", answer.content.decode())).split())


def record(company: Company, from_on: date, *keys: str) -> None:
    licence_requests.set_licences(
        company.id, from_on=from_on, keys=keys, by="clerk", at=AT
    )


@pytest.mark.parametrize(
    ("keys", "answer", "consequence"),
    [
        ([MANUAL], "Manual upload since Tue 28 April 2026.", "A person uploads"),
        ([AUTOMATED], "Automated upload since Tue 28 April 2026.", "The servers"),
        ([], "No usage data has been collected since Tue 28 April 2026.", "None of"),
    ],
)
def test_the_answer_names_the_mode_since_when_and_the_key(
    keys: list[str], answer: str, consequence: str
) -> None:
    found = licences_text(held_on([(APRIL, keys)], AT.date()))
    assert found.answer == answer
    assert consequence in found.consequence
    assert all(key in found.consequence for key in keys)
    assert [one.key for one in found.keys if one.is_deciding] == keys


def test_without_a_recorded_licence_nothing_is_collected() -> None:
    found = licences_text(held_on([(LATER, [MANUAL])], AT.date()))
    assert found.answer == "No usage data is collected."
    assert found.later == "From Wed 1 July 2026: manual upload."


def test_each_key_beside_the_one_for_manual_upload_is_a_conflict() -> None:
    found = licences_text(held_on([(APRIL, KEYS)], AT.date()))
    upload, cloud = found.conflicts
    assert upload.startswith(f"{AUTOMATED} and {MANUAL} are both held.")
    assert "prevents automated upload, and decides" in upload
    assert cloud.endswith("The portal treats this as manual upload.")
    assert cloud.startswith(VIRTUAL_CLOUD)
    assert [one.is_overruled for one in found.keys] == [False, True, True]


def test_the_forms_explain_the_keys_as_the_page_does() -> None:
    found = licences_text(held_on([], AT.date()))
    assert [(one.key, one.text) for one in found.keys] == [
        (key, str(text)) for key, text in LICENCES
    ]


def test_the_page_leads_to_what_follows(alice: Company) -> None:
    viewer = signed_in(alice)
    shown = words(viewer)
    assert "Manual upload since Tue 28 April 2026." in shown
    assert "2018 R2 Patch 2" in shown
    assert "With none of these keys no usage data is collected" in shown
    assert "since Tue 28 April 2026 decides" in shown
    page = viewer.get("/licences").content.decode()
    assert 'href="/automation"' not in page
    record(alice, date(2026, 6, 1), AUTOMATED)
    page = viewer.get("/licences").content.decode()
    assert 'href="/automation"' in page
    assert "Automated upload since Mon 1 June 2026." in page


def test_an_admin_reads_what_a_change_means(alice: Company) -> None:
    text = "Changes that add days apply at once; others need approval."
    assert text in words(signed_in(alice, "admin"))
    assert text not in words(signed_in(alice))


def test_staff_see_conflicts_and_what_the_keys_do(alice: Company) -> None:
    record(alice, date(2026, 6, 1), MANUAL, VIRTUAL_CLOUD)
    here = f"/staff/tenants/{alice.number}/settings"
    clerk = staff_client(StaffRole.CLERK)
    shown = words(clerk, here)
    assert "Manual upload since Tue 28 April 2026." in shown
    assert "The portal treats this as manual upload." in shown
    assert "<details open>" in clerk.get(here).content.decode()
