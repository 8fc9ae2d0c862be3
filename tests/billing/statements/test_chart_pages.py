"""The charts show the figures of the document, and each has its table."""

import re
from datetime import date, datetime, timedelta
from html import unescape
from typing import Any
from zoneinfo import ZoneInfo

import pytest
import time_machine
from django.test import Client

from billing.coverage.periods import Period
from billing.periods import open_periods
from billing.statements import issue, queries
from billing.statements.issue import IssueRequest
from portal.db import unit_of_work
from portal.models import Tenant
from tests.billing.statements.page_tables import rows_of, section
from tests.billing.statements.statement_pages import page
from tests.billing.statements.statement_tenants import (
    AFTER,
    LAST,
    MAY,
    issue_version,
    open_tenant,
    send_all,
    send_day,
)
from tests.builders import Company

HERE = "/billing-data/2026-05"
UNKNOWN = "\N{EN DASH}"
BERLIN = ZoneInfo("Europe/Berlin")


@pytest.fixture
def company(db: None) -> Company:
    """A tenant whose last day is missing; three days are owed."""
    company = open_tenant("A-1")
    send_all(company, last=LAST - timedelta(days=1))
    return company


@pytest.fixture
def viewer(company: Company) -> Client:
    client = Client()
    client.force_login(company.people["viewer"])
    return client


def document_of(company: Company) -> dict[str, Any]:
    return queries.serve(company.id, MAY, version="latest", at=AFTER).content()


def read(viewer: Client, path: str = HERE) -> str:
    with time_machine.travel(AFTER, tick=False):
        return page(viewer, path)


def titles(html: str) -> list[str]:
    """Return what the parts of a chart are called, without its own title."""
    _, *found = re.findall(r"<title>(.*?)</title>", html)
    return [unescape(one) for one in found]


def bars(html: str, kind: str) -> list[float]:
    return [
        float(one)
        for one in re.findall(rf'class="{kind}"[^>]* height="([\d.]+)"', html)
    ]


def known_days(document: dict[str, Any]) -> list[dict[str, Any]]:
    return [one for one in document["days"] if one["covered"]]


def test_the_daily_course_has_the_peaks_of_the_days_that_are_known(
    company: Company, viewer: Client
) -> None:
    document, html = document_of(company), section(read(viewer), "daily")
    peaks = [
        {line["id"]: line["peak"] for line in day["lines"]}
        for day in known_days(document)
    ]
    assert len(peaks) == 2
    days = ("Mon 25 May", "Tue 26 May")
    assert titles(html) == [
        f"{day}: {of['agent']}, {of['business']}"
        for day, of in zip(days, peaks, strict=True)
    ]
    # 188 units are the highest value of the scale: 3 of up to 5 lines.
    assert bars(html, "agent") == [
        pytest.approx(one["agent"] / 3 * 188, abs=0.1) for one in peaks
    ]
    assert bars(html, "business") == [
        pytest.approx(one["business"] / 3 * 188, abs=0.1) for one in peaks
    ]
    assert html.count('class="missing"') == 1
    assert 'class="pending"' not in html
    assert "Highest peaks: 2 Agents on Mon 25 May, 3 Business Users on" in html


def test_the_heat_map_and_its_table_have_the_peaks_of_the_hours(
    company: Company, viewer: Client
) -> None:
    document = document_of(company)
    for line in ("agent", "business", "add_on:I3_ACCESS_RECORDER"):
        html = section(read(viewer, f"{HERE}?line={line}"), "hours")
        expected = {
            (date.fromisoformat(day["day"]), hour["starts_at"]): peak
            for day in known_days(document)
            for hour in day["hours"]
            for peak in [one["peak"] for one in hour["lines"] if one["id"] == line]
        }
        drawn = sorted(int(one) for one in titles(html))
        assert drawn == sorted(one for one in expected.values() if one), line
        shown = {}
        days = list(MAY.days())
        for hour, *cells in rows_of(html):
            for day, cell in zip(days, cells, strict=True):
                if cell != UNKNOWN:
                    shown[day, hour] = int(cell)
        local = {
            (day, f"{datetime.fromisoformat(at).astimezone(BERLIN):%H}:00"): peak
            for (day, at), peak in expected.items()
        }
        assert shown == local, line


def test_a_line_that_does_not_exist_shows_the_hours_of_agents(viewer: Client) -> None:
    html = section(read(viewer, f"{HERE}?line=<b>"), "hours")
    assert "Peak of Agents by hour and day" in html
    assert "<b>" not in html


def test_the_hours_of_another_line_keep_the_version(
    company: Company, viewer: Client
) -> None:
    issue_version(company, reason="the deadline is over")
    send_day(company, LAST)
    html = section(read(viewer, f"{HERE}?version=draft"), "hours")
    assert 'href="/billing-data/2026-05?version=draft&amp;line=business#hours"' in html
    html = section(read(viewer), "hours")
    assert 'href="/billing-data/2026-05?line=business#hours"' in html


def test_the_periods_have_a_chart_and_a_table(company: Company, viewer: Client) -> None:
    june = Period(2026, 6)
    at = AFTER + timedelta(days=30)
    with unit_of_work.acting_for(company.id):
        open_periods.open_period(Tenant.objects.get(), june, at=AFTER)
    issue_version(company, reason="the deadline is over")
    company.send(company.server.day(LAST + timedelta(days=1)), at=at)
    wanted = IssueRequest(
        period=june, by="clara", at=at, reason="closed", with_incomplete=True
    )
    issue.issue(company.id, wanted)
    with time_machine.travel(at, tick=False):
        html = page(viewer, "/billing-data/2026-06")
    [may] = [document_of(company)]
    peaks = {line["id"]: line for line in may["lines"]}
    assert titles(section(html, "periods-chart"))[0] == (
        f"May 2026: {peaks['agent']['peak']}, {peaks['business']['peak']}"
    )
    _, row = rows_of(section(html, "periods-chart"))
    assert row == [
        *("May 2026", "version 1"),
        *(str(peaks["agent"][one]) for one in ("peak", "named_users")),
        *(str(peaks["business"][one]) for one in ("peak", "named_users")),
    ]
    compared = section(html, "compared")
    assert "Compared with May 2026" in compared
    assert "Unusual change:" in compared
    assert "The peak of Agents is 100% lower than in May 2026." in compared


def test_without_files_there_are_no_charts(db: None) -> None:
    company = open_tenant("A-1")
    client = Client()
    client.force_login(company.people["viewer"])
    assert 'class="chart' not in read(client)
