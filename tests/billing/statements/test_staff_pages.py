"""Staff pages of statements: month end, issuing, catalogue; without JavaScript."""

import re
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import time_machine
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from billing.coverage.periods import Period
from billing.models import CurrentStatement, Statement, TenantPeriod
from billing.periods import refresh as summary_refresh
from billing.statements import month_end, staff_views
from portal.db import unit_of_work
from portal.models import StaffRole
from tests.billing.staff.staff_clients import signed_in, staff
from tests.billing.statements.statement_pages import page, send, words
from tests.billing.statements.statement_tenants import (
    AFTER,
    FIRST,
    LAST,
    issue_version,
    open_tenant,
    send_all,
    send_day,
)
from tests.builders import Company
from usage.usg import Sessions

HERE = "/staff/tenants/A-1/statements/2026-05"
ISSUE = f"{HERE}/issue"
MONTH = "/staff/month-end?period=2026-05"
RUN = "/staff/month-end/run"
CATALOGUE = "/staff/catalogue"

UNKNOWN = Sessions(
    users=["ada"],
    licence_sets=[["I3_ACCESS_NEW"]],
    user=[0],
    licences=[0],
    login=[3600],
    logout=[7200],
    flags=[0],
)


@pytest.fixture(autouse=True)
def _at() -> Any:
    with time_machine.travel(AFTER, tick=False):
        yield


@pytest.fixture
def company(db: None) -> Company:
    return open_tenant("A-1")


@pytest.fixture
def auditor(db: None) -> Client:
    return signed_in(staff(StaffRole.AUDITOR))


def read(client: Client, path: str, *, status: int = 200) -> str:
    return words(page(client, path, status=status))


def shown_figures(client: Client, path: str = HERE) -> str:
    """Return the hash of the figures that the form of a page would issue."""
    found = re.search(
        r'name="figures_sha256" value="([0-9a-f]{64})"', page(client, path)
    )
    assert found is not None
    return found[1]


def versions(company: Company) -> list[int]:
    with unit_of_work.acting_for(company.id, reading=True):
        rows = Statement.objects.order_by("version")
        return list(rows.values_list("version", flat=True))


def run_all() -> None:
    month_end.work(now=lambda: AFTER, has_time=lambda: True)


def test_a_clerk_issues_what_the_page_shows(company: Company, clerk: Client) -> None:
    send_all(company)
    found = read(clerk, HERE)
    assert "Peak use: 2 Agents, 3 Business Users." in found
    assert "This statement can be issued." in found
    html = send(clerk, ISSUE, figures_sha256=shown_figures(clerk))
    assert "Version 1 was issued as A-1-2026-05-1." in html
    assert "Issued, version 1" in words(html)
    assert "figures_sha256" not in html
    assert versions(company) == [1]


def test_figures_that_changed_since_the_page_was_loaded_are_not_issued(
    company: Company, clerk: Client
) -> None:
    send_all(company, last=LAST - timedelta(days=1))
    seen = shown_figures(clerk)
    send_day(company, LAST)
    html = send(clerk, ISSUE, status=422, figures_sha256=seen)
    assert "The figures have changed since you loaded the page." in html
    assert seen not in html
    assert versions(company) == []


def test_an_incomplete_period_is_closed_with_a_reason(
    company: Company, clerk: Client
) -> None:
    send_day(company, FIRST)
    seen = shown_figures(clerk)
    html = send(clerk, ISSUE, status=422, figures_sha256=seen, reason="Server burnt.")
    assert "The period is not complete." in words(html)
    assert 'value="Server burnt."' in html
    send(clerk, ISSUE, status=422, figures_sha256=seen, with_incomplete="on")
    closed: dict[str, Any] = {"with_incomplete": "on", "reason": "Server burnt."}
    html = send(clerk, ISSUE, figures_sha256=seen, **closed)
    assert "Reason for this version: Server burnt." in words(html)


def test_a_later_version_needs_a_reason(company: Company, clerk: Client) -> None:
    send_all(company, last=LAST - timedelta(days=1))
    issue_version(company, reason="Deadline.")
    send_day(company, LAST)
    seen = shown_figures(clerk, f"{HERE}?version=draft")
    html = send(clerk, ISSUE, status=422, figures_sha256=seen)
    assert "A later version or an incomplete period needs a reason." in html
    assert "Differences from version 1" in html
    send(clerk, ISSUE, figures_sha256=seen, reason="Late file.")
    assert versions(company) == [1, 2]


def test_an_issued_statement_is_not_issued_again(
    company: Company, clerk: Client
) -> None:
    send_all(company)
    seen = shown_figures(clerk)
    issue_version(company)
    html = send(clerk, ISSUE, status=422, figures_sha256=seen)
    assert "The last version already has these figures." in html


def test_a_statement_that_cannot_be_issued_shows_why_and_no_form(
    company: Company, clerk: Client
) -> None:
    company.send(company.server.day(FIRST, sessions=UNKNOWN), at=AFTER)
    html = page(clerk, HERE)
    assert "Some licence keys are not classified." in html
    assert "figures_sha256" not in html
    assert "Classify in the catalogue" in html


def test_a_form_without_figures_issues_nothing(company: Company, clerk: Client) -> None:
    send_all(company)
    send(clerk, ISSUE, status=422)
    send(clerk, ISSUE, status=422, figures_sha256="x" * 65)
    assert versions(company) == []


def test_an_auditor_reads_and_does_not_issue(company: Company, auditor: Client) -> None:
    send_all(company)
    for path in (HERE, MONTH, CATALOGUE):
        assert "<form" not in page(auditor, path).partition("<main")[2]
    for path in (ISSUE, RUN, f"{CATALOGUE}/classify"):
        assert auditor.post(path).status_code == 403


def test_mistyped_addresses_are_refused_and_filters_ignored(
    company: Company, clerk: Client
) -> None:
    here = "/staff/tenants/A-1/statements"
    found = read(clerk, f"{here}/2031-01", status=404)
    assert "This period is not open." in found
    assert clerk.get(f"{here}/2026-13").status_code == 422
    assert clerk.get("/staff/tenants/B-9/statements/2026-05").status_code == 404
    assert clerk.get("/staff/month-end?period=x").status_code == 422
    for query in ("", "?kind=x&page=x", "?period=2031-01"):
        page(clerk, f"/staff/month-end{query}")


def test_the_tenants_page_leads_to_its_statements(
    company: Company, clerk: Client
) -> None:
    assert f'href="{HERE}"' in page(clerk, "/staff/tenants/A-1")


def test_the_month_end_lists_what_prevents_issuing(
    company: Company, clerk: Client
) -> None:
    assert "A-1 Not computed yet" in read(clerk, MONTH)
    send_all(company)
    short, new = open_tenant("B-2", name="Bert"), open_tenant("C-3", name="Cleo")
    send_day(short, FIRST)
    new.send(new.server.day(FIRST, sessions=UNKNOWN), at=AFTER)
    # Held for its clock: it would prove the other two days.
    later = datetime(2126, 5, 27, tzinfo=UTC)
    closed_at = later + timedelta(days=1)
    data = new.server.day(LAST, opened_at=later, closed_at=closed_at)
    new.send(data, at=AFTER)
    summary_refresh.refresh_all(seconds=60)
    for number in ("A-1", "B-2", "C-3"):
        page(clerk, HERE.replace("A-1", number))
    found = read(clerk, MONTH)
    assert "0 of 3 statements are issued." in found
    assert "A-1 Provisional 2 3 0 nothing" in found
    assert "B-2 Provisional 2 3 2 Not complete" in found
    assert "C-3 Provisional 0 0 0 2 waiting Unknown licence keys I3_ACCESS_NEW" in found
    issue_version(company)
    kinds = {"ready": [], "issued": ["A-1"], "incomplete": ["B-2", "C-3"]}
    for kind, numbers in (kinds | {"blocked": ["C-3"], "draft": []}).items():
        listed = read(clerk, f"{MONTH}&kind={kind}")
        shown = [one for one in ("A-1", "B-2", "C-3") if one in listed]
        assert shown == numbers, kind
    send_day(short, LAST)
    assert "being updated" in read(clerk, MONTH)


def test_a_run_issues_complete_statements_and_shows_its_progress(
    company: Company, clerk: Client
) -> None:
    send_all(company)
    send_day(open_tenant("B-2", name="Bert"), FIRST)
    html = send(clerk, RUN, period="2026-05", what="issue")
    assert "The run has started for 2 tenants." in html
    assert "Running: 0 of 2 tenants done. Reload" in words(html)
    assert f'<a data-waits href="{MONTH}">' in html
    assert "portal/month-end.mjs" in html
    run_all()
    assert "portal/month-end.mjs" not in page(clerk, MONTH)
    found = read(clerk, MONTH)
    assert "The last run has ended: 2 of 2 tenants done." in found
    assert "Issued 1 Not complete 1" in found
    assert versions(company) == [1]


def test_the_script_of_the_month_end_loads_the_parts_that_change(
    company: Company, clerk: Client
) -> None:
    send_all(company)
    send(clerk, RUN, period="2026-05", what="issue")

    def part() -> str:
        answer = clerk.get(MONTH, headers={"X-Part": "month-end"})
        return str(answer.content.decode())

    html = part()
    assert "Running: 0 of 1 tenant done." in html
    assert "<form" not in html
    assert "<html" not in html
    # The page has each part under the same name.
    names = re.findall(r'id="([a-z-]+)" data-live', page(clerk, MONTH))
    names += re.findall(r'id="([a-z-]+)" role="status" data-live', page(clerk, MONTH))
    assert sorted(names) == sorted(re.findall(r'^<div id="([a-z-]+)"', html, re.M))
    run_all()
    html = part()
    assert "The last run has ended: 1 of 1 tenant done." in html
    assert "1 of 1 statement is issued." in html
    assert "data-waits" not in html


def set_deadline(company: Company, at: datetime, extended: Any = None) -> None:
    with unit_of_work.acting_for(company.id):
        TenantPeriod.objects.filter(period="2026-05").update(
            deadline_at=at, extended_to=extended
        )


def test_before_the_last_deadline_the_month_end_warns(
    company: Company, clerk: Client, auditor: Client
) -> None:
    tokyo, hour = open_tenant("T-1", name="Tomo"), timedelta(hours=1)
    set_deadline(tokyo, AFTER + hour)
    last = "2 tenants are still ahead, the last one at Thu 4 June 2026, 22:00 UTC."
    assert last in read(clerk, MONTH)
    assert "Files that arrive after a statement is issued make a draft" in read(
        clerk, MONTH
    )
    assert "still ahead" not in read(auditor, MONTH)
    # A deadline is the first instant that is too late.
    set_deadline(tokyo, AFTER)
    last = "1 tenant is still ahead: Thu 4 June 2026, 22:00 UTC."
    assert last in read(clerk, MONTH)
    set_deadline(company, AFTER - hour)
    assert "still ahead" not in read(clerk, MONTH)
    set_deadline(company, AFTER - hour, extended=AFTER + hour)
    last = "1 tenant is still ahead: Wed 3 June 2026, 10:00 UTC."
    assert last in read(clerk, MONTH)


def test_a_run_may_compute_only(company: Company, clerk: Client) -> None:
    send_all(company)
    given: dict[str, Any] = {
        "period": "2026-05",
        "what": "compute",
        "with_incomplete": "on",
    }
    send(clerk, RUN, **given)
    run_all()
    assert "Computed, can be issued 1" in read(clerk, MONTH)
    assert versions(company) == []


def test_a_run_that_closes_incomplete_periods_needs_a_reason(
    company: Company, clerk: Client
) -> None:
    send_day(company, FIRST)
    given: dict[str, Any] = {
        "period": "2026-05",
        "what": "issue",
        "with_incomplete": "on",
    }
    refused = send(clerk, RUN, status=422, **given)
    assert "an incomplete period needs a reason." in refused
    assert "A period is written" in send(clerk, RUN, **(given | {"period": "x"}))
    send(clerk, RUN, **given, reason="The contract ends.")
    run_all()
    assert versions(company) == [1]


def test_queries_of_the_month_end_do_not_depend_on_the_number_of_tenants(
    company: Company, clerk: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(staff_views, "TENANTS_A_PAGE", 2)
    counted = []
    for number in ("B-2", "C-3"):
        send_all(open_tenant(number, name=number))
        page(clerk, HERE.replace("A-1", number))
        with CaptureQueriesContext(connection) as captured:
            page(clerk, MONTH)
        counted.append(len(captured))
    assert counted[0] == counted[1]
    assert "3 to 3 of 3" in read(clerk, f"{MONTH}&page=2")


def test_classifying_a_key_recomputes_its_statements(
    company: Company, clerk: Client
) -> None:
    company.send(company.server.day(FIRST, sessions=UNKNOWN), at=AFTER)
    page(clerk, HERE)
    found = page(clerk, CATALOGUE)
    assert "1 licence key is not classified." in found
    assert "I3_ACCESS_NEW 1 2026-05" in words(found)
    form = page(clerk, f"{CATALOGUE}?key=I3_ACCESS_NEW")
    assert 'name="licence_key" type="text" value="I3_ACCESS_NEW"' in form
    assert 'name="valid_from" type="text" value="2026-05"' in form
    given: dict[str, Any] = {
        "licence_key": "I3_ACCESS_NEW",
        "kind": "agent",
        "valid_from": "2026-05",
    }
    send(clerk, f"{CATALOGUE}/classify", status=422, **given)
    given["reason"] = "The vendor says so."
    html = send(clerk, f"{CATALOGUE}/classify", **given)
    assert "drafts show the changes of figures before they are issued" in html
    assert "I3_ACCESS_NEW was classified in catalogue version 2." in html
    assert "I3_ACCESS_NEW: Agent. Valid from 2026-05. The vendor" in words(html)
    again = send(clerk, f"{CATALOGUE}/classify", status=422, **given)
    assert "The catalogue already has this classification." in again
    assert "1 Agent, 0 Business Users" in read(clerk, HERE)
    assert "All licence keys in use are classified." in page(clerk, CATALOGUE)


@pytest.mark.parametrize(
    "wrong",
    [
        {"licence_key": "\x01"},
        {"licence_key": ""},
        {"kind": "x"},
        {"valid_from": "May"},
        {"valid_from": "2026-13"},
        {"reason": "  "},
    ],
)
def test_a_wrong_classification_changes_nothing(
    clerk: Client, wrong: dict[str, str]
) -> None:
    given: dict[str, Any] = {
        "licence_key": "I3_X",
        "kind": "agent",
        "valid_from": "2026-05",
    }
    fields: dict[str, Any] = given | {"reason": "Why not."} | wrong
    send(clerk, f"{CATALOGUE}/classify", status=422, **fields)
    assert "version 1" in read(clerk, CATALOGUE)


def test_a_page_whose_files_are_away_asks_to_try_again(
    company: Company, clerk: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    send_all(company)
    seen = shown_figures(clerk)
    with unit_of_work.acting_for(company.id):
        CurrentStatement.objects.update(generation=-1)

    def away(*_: Any, **__: Any) -> bool:
        message = "the store is away"
        raise OSError(message)

    monkeypatch.setattr("billing.statements.refresh.refresh_period", away)
    assert "cannot be computed at the moment" in read(clerk, HERE, status=503)
    html = send(clerk, ISSUE, status=503, figures_sha256=seen)
    assert "cannot be computed at the moment" in html


def with_peak_before(company: Company, peak: int) -> None:
    """Store the current statement of the period before, with a peak of Agents."""
    with unit_of_work.acting_for(company.id, holding=True):
        row = CurrentStatement.objects.get()
        row.pk, row.period, row.agent_peak = None, "2026-04", peak
        row.save(force_insert=True)


@pytest.mark.parametrize(
    ("before", "shown", "is_unusual"),
    [(2, "0", False), (3, "\N{MINUS SIGN}1", False), (4, "\N{MINUS SIGN}2", True)],
)
def test_changes_of_agents_at_once_are_shown_and_unusual_ones_filtered(
    company: Company, clerk: Client, before: int, shown: str, *, is_unusual: bool
) -> None:
    send_all(company)
    read(clerk, HERE)
    with_peak_before(company, before)
    found = read(clerk, MONTH)
    assert f"2 {'unusual change: ' if is_unusual else ''}{shown} 3" in found
    filtered = read(clerk, f"{MONTH}&kind=unusual")
    assert ("No tenants with this state" in filtered) is not is_unusual


def test_a_period_that_is_not_over_is_not_unusual(
    company: Company, clerk: Client
) -> None:
    send_all(company)
    read(clerk, HERE)
    with_peak_before(company, 4)
    with unit_of_work.acting_for(company.id, holding=True):
        CurrentStatement.objects.filter(period="2026-05").update(pending=1)
    assert "unusual change:" not in read(clerk, MONTH)
    assert "No tenants with this state" in read(clerk, f"{MONTH}&kind=unusual")


def test_a_period_that_was_closed_incomplete_is_marked(
    company: Company, clerk: Client
) -> None:
    send_all(company, last=LAST - timedelta(days=1))
    read(clerk, HERE)
    assert "issued incomplete" not in read(clerk, MONTH)
    issue_version(company, reason="the deadline is over")
    assert "issued incomplete" in read(clerk, MONTH)


def test_a_refused_run_keeps_what_was_entered(company: Company, clerk: Client) -> None:
    html = clerk.post(
        RUN, {"period": "2026-05", "what": "issue", "with_incomplete": "on"}
    )
    assert html.status_code == 422
    text = html.content.decode()
    assert 'role="alert"' in text
    assert 'value="issue" checked' in text
    assert 'name="with_incomplete" checked' in text
    # The address of the form has no GET.
    assert 'href="?' not in text
    long = {"period": "2026-05", "what": "compute", "reason": "x" * 1_001}
    text = clerk.post(RUN, long).content.decode()
    assert f'value="{"x" * 1_001}"' in text
    with unit_of_work.acting_for(unit_of_work.STAFF, reading=True):
        assert month_end.last_run(Period(2026, 5)) is None
