"""The customer's page of billing data, without JavaScript."""

from dataclasses import replace
from datetime import timedelta
from itertools import count
from typing import Any

import pytest
import time_machine
from django.test import Client

from billing.models import CurrentStatement, ExcuseKindChoices
from billing.requests import excuses
from billing.requests.excuses import ExcuseRequest
from billing.statements import catalogue, file_opener, page_body, queries, refresh
from billing.statements.compute.catalogue import Kind
from portal.db import unit_of_work
from portal.models import Tenant
from tests.billing.statements.statement_pages import page, words
from tests.billing.statements.statement_tenants import (
    AFTER,
    FIRST,
    LAST,
    MAY,
    issue_version,
    open_tenant,
    send_all,
    send_day,
)
from tests.builders import Company
from tests.usage.files.customer_pages import body, signed_in
from usage.storage import store
from usage.usg import ClosedBy, Sessions

HERE = "/billing-data/2026-05"

# Shown where nothing has arrived.
UNKNOWN = "\N{EN DASH}"


@pytest.fixture(autouse=True)
def _at() -> Any:
    with time_machine.travel(AFTER, tick=False):
        yield


@pytest.fixture
def company(db: None) -> Company:
    return open_tenant("A-1")


@pytest.fixture
def viewer(company: Company) -> Client:
    return signed_in(company)


def read(client: Client, path: str = HERE, *, status: int = 200) -> str:
    return words(page(client, path, status=status))


def one_row(**changes: Any) -> Sessions:
    columns: dict[str, Any] = {
        "users": ["ada"],
        "licence_sets": [["I3_ACCESS_CLIENT"]],
        "user": [0],
        "licences": [0],
        "login": [3600],
        "logout": [7200],
        "flags": [0],
    }
    return Sessions(**(columns | changes))


def test_the_page_begins_with_the_peaks(company: Company, viewer: Client) -> None:
    send_all(company)
    found = read(viewer)
    assert "Peak use: 2 Agents, 3 Business Users." in found
    assert "The peak of Agents was on Mon 25 May 2026, 10:00 CEST." in found
    assert "Provisional: these figures change" in found
    assert "3 of 3 server-days are covered." in found
    assert "computed from 3 files" in found


def test_each_line_with_usage_has_its_figures(company: Company, viewer: Client) -> None:
    send_all(company)
    found = read(viewer)
    document = queries.serve(company.id, MAY, version="latest", at=AFTER).content()
    hours = document["lines"][0]["used_seconds"] / 3600
    assert f"Agents 2 2 Mon 25 May 2026, 10:00 2 6 {hours:.1f} h" in found
    assert "I3_ACCESS_RECORDER add-on of Agents 1 1" in found
    assert "I3_ACCESS_IPA_USER" not in found
    assert "All users 5" in found


def test_the_rules_of_counting_are_on_the_page(
    company: Company, viewer: Client, clerk: Client
) -> None:
    send_all(company)
    for found in (read(viewer), read(clerk, "/staff/tenants/A-1/statements/2026-05")):
        _, _, rules = found.partition("How these figures are counted")
        assert "Peak The largest number of users counted at one second." in rules
        assert "each of 1,800 consecutive seconds." in rules
        assert "Agents Users count as Agents at each second" in rules


def test_each_day_has_a_row(company: Company, viewer: Client) -> None:
    send_all(company)
    found = read(viewer)
    assert "Mon 25 May 2 2 3 3 6" in found
    assert "1 of 1" in found
    assert f"Tue 28 April {' '.join([UNKNOWN] * 6)} none owed" in found


def test_usage_outside_the_period_is_listed(company: Company, viewer: Client) -> None:
    west = company.registered("WEST", zone="America/Los_Angeles")
    late = one_row(login=[20 * 3600], logout=[21 * 3600])
    company.send(west.day(LAST, sessions=late), at=AFTER)
    found = read(viewer)
    assert "Days outside the period" in found
    assert "Thu 28 May 0 0 1 1 1 1.0 h after the period" in found


def test_missing_server_days_are_listed(company: Company, viewer: Client) -> None:
    send_day(company, FIRST)
    found = read(viewer)
    assert "1 of 3 server-days are covered. Missing: 2." in found
    assert "IC01 26 to 27 May: missing." in found


def test_excused_days_show_their_reason(company: Company, viewer: Client) -> None:
    send_day(company, FIRST)
    request = ExcuseRequest(
        server_id=company.files()[0].server_id or 0,
        kind=ExcuseKindChoices.DOWN,
        reason="The hall was flooded.",
        days=frozenset({FIRST + timedelta(days=1), LAST}),
        period=MAY,
    )
    asked = excuses.request_excuse(company.id, request=request, by="Ann", at=AFTER)
    assert "IC01 26 to 27 May: a file or an excuse is waiting" in read(viewer)
    excuses.approve(company.id, excuse_id=asked.pk, by="c", at=AFTER, reason="")
    found = read(viewer)
    assert "IC01 26 to 27 May: excused: the server was down." in found
    assert "Reason: The hall was flooded." in found


def test_doubtful_rows_are_explained(company: Company, viewer: Client) -> None:
    send_all(company)
    found = read(viewer)
    assert "1 group of users has names that differ only by a domain." in found
    crashed = company.registered("IC02").day(
        FIRST, sessions=one_row(logout=[86_400], flags=[2]), closed_by=ClosedBy.CRASH
    )
    file, _ = company.send(crashed, at=AFTER)
    assert file.state == "accepted", file.problems
    assert "1 row was cut by a crash of the server." in read(viewer)


def test_figures_of_a_running_period_are_marked_so_far(
    company: Company, viewer: Client
) -> None:
    send_day(company, FIRST)
    with time_machine.travel(AFTER - timedelta(days=8, hours=2), tick=False):
        found = read(viewer)
    assert "Peak use so far: 2 Agents, 3 Business Users." in found
    assert "Not over yet: 2." in found


def test_a_period_without_files_has_a_page(company: Company, viewer: Client) -> None:
    found = read(viewer)
    assert "No usage files for this period." in found
    assert "Missing: 3." in found
    assert "Day by day" not in found


def test_an_issued_version_has_number_date_and_hash(
    company: Company, viewer: Client
) -> None:
    send_all(company)
    issued = issue_version(company)
    found = read(viewer)
    assert "Issued, version 1 Wed 3 June 2026, 11:00 CEST" in found
    assert "A-1-2026-05-1, Wed 3 June 2026, 11:00 CEST" in found
    assert issued.sha256 in found
    assert "clara" not in found


def test_a_late_file_leads_to_the_draft_and_its_differences(
    company: Company, viewer: Client
) -> None:
    send_all(company, last=LAST - timedelta(days=1))
    issue_version(company, reason="The deadline has passed.")
    assert "Reason for this version: The deadline has passed." in read(viewer)
    send_day(company, LAST)
    draft = f"{HERE}?version=draft"
    found = read(viewer, draft)
    assert "Differences from version 1" in found
    assert "Agents, logins 4 → 6 day.usg (IC01)" in found
    assert "Agents, time used 20.0 h → 30.0 h" in found
    assert "Show the draft of the next version" in read(viewer)
    issue_version(company, reason="A late file.")
    assert "Issued, version 2" in read(viewer)
    assert "This version is replaced by version 2." in read(viewer, f"{HERE}?version=1")
    assert "This version does not exist." in read(viewer, draft, status=404)


@pytest.mark.parametrize("version", ["7", "0", "x", "1%00", "-1"])
def test_a_version_that_does_not_exist_has_a_page(
    company: Company, viewer: Client, version: str
) -> None:
    found = read(viewer, f"{HERE}?version={version}", status=404)
    assert "This version does not exist." in found


def test_a_period_that_is_not_open_leads_to_those_that_are(
    company: Company, viewer: Client
) -> None:
    found = page(viewer, "/billing-data/2027-01", status=404)
    assert "This period is not open." in found
    assert 'href="/billing-data/2026-05"' in found
    assert viewer.get("/billing-data/2026-13").status_code == 422


def test_unknown_licence_keys_are_named(company: Company, viewer: Client) -> None:
    unknown = one_row(licence_sets=[["I3_ACCESS_NEW_CONCURRENT"]])
    company.send(company.server.day(FIRST, sessions=unknown), at=AFTER)
    found = read(viewer)
    assert "1 licence key is not classified yet: I3_ACCESS_NEW." in found
    assert "The billing team has to classify them" in found


def test_files_that_do_not_open_are_named(company: Company, viewer: Client) -> None:
    send_all(company)
    store.remove(company.files()[0].stored_as)
    assert "1 file does not open: day.usg." in read(viewer)


def test_a_page_whose_files_are_away_asks_to_try_again(
    company: Company, viewer: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    send_day(company, FIRST)

    def away(*_: Any, **__: Any) -> None:
        message = "the store is away"
        raise OSError(message)

    monkeypatch.setattr(file_opener, "read_rows", away)
    answer = viewer.get(HERE)
    assert (answer.status_code, answer["Retry-After"]) == (503, "60")
    found = words(answer.content.decode())
    assert "cannot be computed at the moment" in found
    assert "Try again" in found


def test_a_page_without_figures_yet_asks_to_try_again(
    company: Company, viewer: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    send_day(company, FIRST)
    monkeypatch.setattr(refresh, "refresh_period", lambda *_, **__: False)
    assert "are being computed" in read(viewer, status=503)


def test_the_address_without_a_period_redirects_to_the_newest_figures(
    company: Company, viewer: Client
) -> None:
    # The newest period, as there are no figures.
    assert "June 2026 28 May to 27 June" in read(viewer, "/billing-data")
    send_all(company)
    page(viewer, HERE)
    assert "May 2026 28 April to 27 May" in read(viewer, "/billing-data")


def test_without_a_period_there_is_no_billing_data_yet(alice: Company) -> None:
    assert "No billing data yet" in read(signed_in(alice), "/billing-data")


def test_every_download_of_the_page_works(company: Company, viewer: Client) -> None:
    send_all(company, last=LAST - timedelta(days=1))
    admin = signed_in(company, "admin")
    for version in ("latest", "1", "draft"):
        if version == "1":
            issue_version(company, reason="The deadline has passed.")
        if version == "draft":
            send_day(company, LAST)
        html = page(admin, f"{HERE}?version={version}")
        links = {
            part.partition('"')[0].replace("&amp;", "&")
            for part in html.split('href="')
            if part.startswith("/api/v1/statements/")
        }
        assert len(links) == 7
        for link in links:
            assert body(admin.get(link)), link
    assert "/evidence" not in page(viewer, HERE)


def test_the_tile_shows_the_state_and_the_newest_figures(
    company: Company, viewer: Client
) -> None:
    assert "Figures appear once usage files are accepted." in read(viewer, "/")
    send_day(company, FIRST)
    page(viewer, HERE)
    figures = "2 Agents, 3 Business Users"
    assert f"May 2026: peak use {figures}. Provisional" in read(viewer, "/")
    with unit_of_work.acting_for(company.id):
        CurrentStatement.objects.update(pending=1)
    assert f"May 2026: peak use so far {figures}. Provisional" in read(viewer, "/")
    with unit_of_work.acting_for(company.id):
        CurrentStatement.objects.update(pending=0)
    issue_version(company, reason="the deadline is over")
    assert f"May 2026: peak use {figures}. Issued, version 1" in read(viewer, "/")


def test_the_tile_shows_the_last_version_while_there_is_a_draft(
    company: Company, viewer: Client
) -> None:
    send_day(company, FIRST)
    issue_version(company, reason="the deadline is over")
    four = {"login": [3_600] * 4, "logout": [7_200] * 4, "flags": [0] * 4}
    rows = one_row(users=list("abcd"), user=[0, 1, 2, 3], licences=[0] * 4, **four)
    company.send(company.server.day(LAST, sessions=rows), at=AFTER)
    page(viewer, HERE)
    text = "peak use 2 Agents, 3 Business Users by the last issued version."
    assert f"May 2026: {text} The figures have changed since. Draft" in read(
        viewer, "/"
    )


def test_the_tile_of_a_period_without_files_has_no_figures(
    company: Company, viewer: Client
) -> None:
    issue_version(company, reason="the servers are lost")
    assert "May 2026: no usage files. Issued, version 1" in read(viewer, "/")


def test_staff_without_a_tenant_have_no_customer_page(clerk: Client) -> None:
    assert clerk.get("/billing-data").status_code == 403
    assert clerk.get(HERE).status_code == 403


def test_excuses_and_the_catalogue_are_named_as_causes(
    company: Company, viewer: Client
) -> None:
    send_all(company, last=LAST - timedelta(days=1))
    issue_version(company, reason="The deadline has passed.")
    request = ExcuseRequest(
        server_id=company.files()[0].server_id or 0,
        kind=ExcuseKindChoices.LOST,
        reason="The disk broke.",
        days=frozenset({LAST}),
        period=MAY,
    )
    asked = excuses.request_excuse(company.id, request=request, by="Ann", at=AFTER)
    excuses.approve(company.id, excuse_id=asked.pk, by="c", at=AFTER, reason="")
    with unit_of_work.acting_for(unit_of_work.STAFF):
        catalogue.classify(
            {"I3_ACCESS_CLIENT": Kind.IGNORED},
            valid_from=MAY,
            reason="A test.",
            by="clara",
            at=AFTER,
        )
    found = read(viewer, f"{HERE}?version=draft")
    because = "the excuse of IC01 for Wed 27 May"
    assert f"Server-days, excused, files lost 0 → 1 {because}" in found
    assert "Excused as lost, not counted: 1." in found
    assert "Business Users, peak 3 → 0 catalogue version 2" in found
    assert "first instant of the peak Mon 25 May 2026, 12:00 CEST → none" in found


def test_a_page_whose_statement_keeps_changing_is_shown_uncached(
    company: Company, viewer: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    send_all(company)
    read(viewer)
    numbers = count()
    real = page_body._fingerprint

    def changing(*given: Any, **named: Any) -> Any:
        found, is_stale = real(*given, **named)
        return replace(found, tenant=(str(next(numbers)), "")), is_stale

    monkeypatch.setattr(page_body, "_fingerprint", changing)
    assert "Peak use: 2 Agents" in read(viewer)
    assert next(numbers) == 8


def test_a_page_is_rendered_once_until_something_changes(
    company: Company, viewer: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    send_day(company, FIRST)
    first, rendered = read(viewer), []
    real = page_body._rendered

    def noted(*given: Any, **named: Any) -> Any:
        rendered.append(given)
        return real(*given, **named)

    monkeypatch.setattr(page_body, "_rendered", noted)
    assert read(viewer) == first
    assert rendered == []
    with unit_of_work.acting_for(unit_of_work.STAFF):
        Tenant.objects.update(name="Another name")
    read(viewer)
    assert len(rendered) == 1
    send_day(company, LAST)
    assert read(viewer) != first
    assert len(rendered) == 2
