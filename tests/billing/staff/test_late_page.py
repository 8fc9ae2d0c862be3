"""The page *Late*, and its actions there and on a tenant's page."""

import csv
import io
import re
from datetime import date
from typing import Any

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from billing.lateness import check as late_check
from billing.models import SafetyStop
from billing.periods import deadlines, refresh
from portal.db import unit_of_work
from portal.models import StaffRole, Tenant
from tests.billing.lateness.late_tenants import (
    AFTER,
    BEFORE,
    CHECKED,
    DAY,
    DUE,
    HOUR,
    LAST,
    MAY,
    flag,
    flags,
    open_periods,
    open_short,
    opened,
    run_check,
)
from tests.billing.staff.staff_clients import signed_in, staff
from tests.builders import Company

FIRST_DAY, LAST_DAY = "2026-05-26 IC01", "2026-05-27 IC01"


@pytest.fixture
def clerk(db: None) -> Client:
    return signed_in(staff(StaffRole.CLERK))


@pytest.fixture
def late(db: None, settings: Any) -> Company:
    settings.INBOX_BUCKET = ""
    company = open_short("L-1")
    open_periods()
    assert run_check(CHECKED) == 1
    return company


def page(client: Client, path: str = "/staff/late") -> str:
    response = client.get(path)
    assert response.status_code == 200
    return response.content.decode()


def text(client: Client, path: str = "/staff/late") -> str:
    """What a person reads in the main part of a page."""
    main = page(client, path).partition("<main")[2]
    return " ".join(re.sub(r"<[^>]+>", " ", re.sub("</?bdi>", "", main)).split())


def rows(client: Client, path: str = "/staff/late.csv") -> list[dict[str, str]]:
    response = client.get(path)
    assert response["Content-Type"] == "text/csv; charset=utf-8"
    data = b"".join(response.streaming_content).decode("utf-8-sig")  # type: ignore[attr-defined]  # streamed
    return list(csv.DictReader(io.StringIO(data)))


def post(client: Client, path: str, **fields: Any) -> str:
    """Send a form; return what the page says that comes after."""
    response = client.post(path, fields, follow=True)
    assert response.status_code == 200
    return response.content.decode()


def test_it_says_what_was_missing_and_since_when(late: Company, clerk: Client) -> None:
    said = text(clerk)
    assert "IC01 26 to 27 May" in said
    assert "Fri 5 June 2026, 00:00 CEST" in said
    assert (
        'To decide <span class="count">1</span>' in page(clerk).partition("</nav>")[0]
    )


def test_an_empty_page_says_so(clerk: Client) -> None:
    assert "Nobody is late" in page(clerk)
    assert rows(clerk) == []


def test_it_is_narrowed_to_a_state_and_a_period(late: Company, clerk: Client) -> None:
    for kind in ("", "to-decide"):
        assert "L-1" in page(clerk, f"/staff/late?kind={kind}&period=2026-05")
    for kind in ("completed", "decided", "waived", "void"):
        assert "No such flags" in page(clerk, f"/staff/late?kind={kind}")
        assert rows(clerk, f"/staff/late.csv?kind={kind}") == []
    assert "No such flags" in page(clerk, "/staff/late?period=2026-04")
    post(clerk, f"/staff/tenants/L-1/flags/{flag(late).pk}/decide", **PENALTY)
    assert "L-1" in page(clerk, "/staff/late?kind=decided")
    assert "No such flags" in page(clerk, "/staff/late?kind=to-decide")


PENALTY = {
    "consequence": "penalty",
    "seen": "",
    "days": f"{FIRST_DAY}\r\n{LAST_DAY}",  # as browsers end lines
    "reason": "As agreed.",
}


def test_a_consequence_is_recorded_and_shown(late: Company, clerk: Client) -> None:
    path = f"/staff/tenants/L-1/flags/{flag(late).pk}/decide"
    said = post(clerk, path, to="late", **PENALTY)
    assert "The decision is recorded" in said
    assert "As agreed." in text(clerk)
    assert flag(late).consequence == "penalty"
    # Whoever has seen the page as it was before does not change it unseen.
    assert "changed meanwhile" in post(clerk, path, **PENALTY)
    wrong = PENALTY | {"consequence": "prison"}
    for fields in (wrong, {**PENALTY, "reason": " "}):
        post(clerk, path, **fields)
    assert flag(late).consequence == "penalty"


def test_days_are_waived_by_server(late: Company, clerk: Client) -> None:
    found = re.search(r'name="cells" value="([^"]+)"', page(clerk))
    assert found is not None
    # As a browser sends it: lines end as in mails.
    cells = found[1].replace("\n", "\r\n")
    path = f"/staff/tenants/L-1/flags/{flag(late).pk}/waive"
    assert "Tick the days" in post(clerk, path, reason="A fire.")
    post(clerk, path, cells=cells, reason=" ")
    assert flag(late).waived == []
    said = post(clerk, path, cells=cells, reason="A fire.")
    assert "Waived. New missing days would open the flag again." in said
    assert flag(late).waived == [FIRST_DAY, LAST_DAY]
    assert "L-1" in page(clerk, "/staff/late?kind=waived")
    assert "A fire." in text(clerk)


def test_the_tenants_page_says_the_same(late: Company, clerk: Client) -> None:
    said = text(clerk, "/staff/tenants/L-1/to-decide")
    assert (
        "At the late-from time, Fri 5 June 2026, 00:00 CEST, 2 owed server-days" in said
    )
    assert "were not here. Flag raised Fri 5 June 2026, 01:00 CEST." in said
    assert "IC01 26 to 27 May" in said
    late.send(late.server.day(LAST - DAY), at=AFTER)
    late.send(late.server.day(LAST), at=AFTER)
    refresh.refresh_all(seconds=60)
    assert "Completed late" in text(clerk, "/staff/tenants/L-1/to-decide")


def test_a_deadline_is_extended_on_the_tenants_page(
    late: Company, clerk: Client
) -> None:
    path = "/staff/tenants/L-1/extend"
    fields = {"period": "2026-05", "to": "2026-06-09", "reason": "Holidays."}
    for wrong in ({"to": "soon"}, {"reason": ""}, {"period": "2020-01"}):
        post(clerk, path, **(fields | wrong))
    said = post(clerk, path, **(fields | {"to": "2026-06-03"}))
    assert "An extension moves late from to a later time." in said
    assert opened(late).effective_at == DUE
    assert "The extension is granted" in post(clerk, path, **fields)
    assert opened(late).effective_at == DUE + 5 * DAY
    assert "Holidays." in text(clerk, "/staff/tenants/L-1")
    assert "An extension was granted" in text(clerk, "/staff/late?kind=void")


def test_a_zone_is_corrected_on_the_tenants_page(late: Company, clerk: Client) -> None:
    path = "/staff/tenants/L-1/correct-zone"
    fields = {"period": "2026-05", "zone": "Asia/Tokyo", "reason": "They moved."}
    for wrong in ({"zone": "Europe/Atlantis"}, {"reason": ""}):
        assert clerk.post(path, fields | wrong).status_code == 422
    # That deadline has passed, by the clock of the endpoint.
    assert "The period is late from" in post(clerk, path, **fields)
    deadlines.extend(
        *(late.id, MAY), to=date(2027, 6, 1), by="clerk", at=BEFORE, reason="x"
    )
    assert "The zone is corrected" in post(clerk, path, **fields)
    assert opened(late).zone == "Asia/Tokyo"


def stopped() -> None:
    with unit_of_work.acting_for(unit_of_work.STAFF):
        SafetyStop.objects.create(
            period="2026-05", found=40, usual=3.5, raised_at=CHECKED
        )


def test_a_safety_stop_is_shown_with_its_tenants_and_released_for_them(
    clerk: Client, settings: Any
) -> None:
    settings.INBOX_BUCKET = ""
    company = open_short("L-1")
    open_periods()
    stopped()
    said = text(clerk)
    assert "Safety stop: May 2026 is held" in said
    assert "40 tenants would be late; the last three periods had 3.5" in said
    # May and June.
    assert "Late, not flagged yet: 2." in said
    path = "/staff/late/2026-05/release"
    preview = text(clerk, path)
    assert "1 tenant would be flagged" in preview
    assert "L-1 L-1 Fri 5 June 2026, 00:00 CEST 2 admin@l-1.example" in preview
    fields = {"tenants": str(company.id)}
    assert clerk.post(path, fields | {"reason": " "}).status_code == 422
    assert 'Late <span class="count">1 stop</span>' in page(clerk)
    reason = "A power cut, it is so."
    assert "Released for 1 tenant" in post(clerk, path, reason=reason, **fields)
    assert "Safety stop" not in page(clerk)
    with unit_of_work.acting_for(unit_of_work.STAFF, reading=True):
        assert SafetyStop.objects.get().released_for == [company.id]
    assert "changed meanwhile" in post(clerk, path, reason="Again.")
    assert (
        "No safety stop holds this period"
        in clerk.get(path, follow=True).content.decode()
    )
    with pytest.raises(Exception, match="decided-already"):
        late_check.release("2026-05", tenants=[], by="x", reason="x", at=AFTER)
    assert clerk.get("/staff/late/May/release").status_code == 422


def test_a_safety_stop_is_released_for_more_tenants_than_a_form_has_fields(
    clerk: Client, settings: Any
) -> None:
    settings.INBOX_BUCKET = ""
    open_short("L-1")
    open_periods()
    stopped()
    many = [*range(1, 1_002)]
    listed = " ".join(str(one) for one in many)
    path = "/staff/late/2026-05/release"
    released = post(
        clerk, path, reason="A power cut.", tenants=f"{listed} x 7 {'9' * 19}"
    )
    assert "Released for 1001 tenants" in released
    with unit_of_work.acting_for(unit_of_work.STAFF, reading=True):
        assert SafetyStop.objects.get().released_for == many


def test_the_form_of_a_release_names_all_tenants_and_the_list_goes_page_by_page(
    clerk: Client, settings: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings.INBOX_BUCKET = ""
    monkeypatch.setattr("billing.staff.undecided_views.TENANTS_A_PAGE", 2)
    ids = [open_short(f"L-{number}").id for number in range(3)]
    open_periods()
    stopped()
    first = page(clerk, "/staff/late/2026-05/release")
    assert f'name="tenants" value="{ids[0]} {ids[1]} {ids[2]}"' in first
    assert "1 to 2 of 3" in first
    assert "L-2" not in first
    assert "L-2" in page(clerk, "/staff/late/2026-05/release?page=2")


def test_tenants_that_the_check_has_not_decided_on_are_listed_and_counted(
    clerk: Client, settings: Any
) -> None:
    settings.INBOX_BUCKET = ""
    company = open_short("L-1")
    open_periods()
    line = "Late, not flagged yet: "
    for path in ("/staff/late?period=2026-05", "/staff/?period=2026-05"):
        assert f"{line}1." in text(clerk, path)
    # May and June.
    assert f"{line}2." in text(clerk, "/staff/late")
    assert line not in text(clerk, "/staff/?period=2026-04")
    listed = text(clerk, "/staff/late/undecided?period=2026-05")
    assert "Late in May 2026, not flagged yet" in listed
    assert "L-1 L-1 May 2026 Fri 5 June 2026, 00:00 CEST 2 the next run" in listed
    assert run_check(CHECKED) == 1
    assert line not in text(clerk, "/staff/late?period=2026-05")
    assert "Every late tenant has a flag" in text(
        clerk, "/staff/late/undecided?period=2026-05"
    )
    assert flag(company).period == "2026-05"


def test_an_auditor_reads_and_does_not_act(late: Company, db: None) -> None:
    auditor = signed_in(staff(StaffRole.AUDITOR))
    stopped()
    said = page(auditor)
    assert "IC01" in said
    assert "method=" not in said.partition("<main")[2]
    assert len(rows(auditor)) == 1
    number = flag(late).pk
    for path in (
        "/staff/late/2026-05/release",
        f"/staff/tenants/L-1/flags/{number}/waive",
        f"/staff/tenants/L-1/flags/{number}/decide",
        "/staff/tenants/L-1/extend",
        "/staff/tenants/L-1/correct-zone",
    ):
        assert auditor.post(path, {"reason": "x"}).status_code == 403
    assert "method=" not in page(auditor, "/staff/tenants/L-1").partition("<main")[2]


def test_the_export_has_all_and_no_formula(late: Company, clerk: Client) -> None:
    with unit_of_work.acting_for(unit_of_work.STAFF):
        Tenant.objects.filter(pk=late.id).update(name="=cmd|' /C calc'!A0")
    path = f"/staff/tenants/L-1/flags/{flag(late).pk}/decide"
    post(clerk, path, **(PENALTY | {"reason": "@SUM(1+1)"}))
    (row,) = rows(clerk, "/staff/late.csv?period=2026-05")
    assert row["Tenant"] == "'=cmd|' /C calc'!A0"
    assert row["Why decided"] == "'@SUM(1+1)"
    assert row["Not here at the late-from time"] == "IC01: 26 to 27 May"
    assert row["Late from"] == "2026-06-05T00:00:00+02:00"
    assert row["Server-days at the late-from time"] == "2"
    assert row["Consequence"] == "penalty"


def test_the_list_needs_the_same_queries_for_one_and_for_many(
    late: Company, clerk: Client
) -> None:
    def queries() -> int:
        with CaptureQueriesContext(
            connection,
        ) as seen:
            page(clerk)
        return len(seen)

    one = queries()
    for number in range(2, 5):
        open_short(f"L-{number}")
    open_periods()
    assert run_check(CHECKED + HOUR) == 3
    assert queries() == one
    assert len(flags(late)) == 1
