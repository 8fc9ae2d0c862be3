"""The desk's export equals its list, and holds no formula a spreadsheet would run."""

import csv
import io
from collections.abc import Iterator
from typing import Any

import pytest
import time_machine
from django.test import Client

from portal.db import unit_of_work
from portal.models import Tenant
from tests.billing.desk.bulk_page import open_three
from tests.billing.lateness.late_tenants import AFTER, MAY
from tests.builders import Company

EXPORT = "/staff/desk.csv"


@pytest.fixture(autouse=True)
def _night_after() -> Iterator[None]:
    with time_machine.travel(AFTER):
        yield


@pytest.fixture
def three(db: None, settings: Any) -> list[Company]:
    return open_three(settings)


def rows(client: Client, query: str) -> list[dict[str, str]]:
    response = client.get(f"{EXPORT}?{query}")
    assert response["Content-Type"] == "text/csv; charset=utf-8"
    data = b"".join(response.streaming_content).decode("utf-8-sig")  # type: ignore[attr-defined]  # streamed
    return list(csv.DictReader(io.StringIO(data)))


def numbers(found: list[dict[str, str]]) -> list[str]:
    return [row["Customer number"] for row in found]


def test_the_export_is_narrowed_as_the_list_is(
    three: list[Company], clerk: Client
) -> None:
    base = f"period={MAY}"
    assert sorted(numbers(rows(clerk, base))) == ["L-1", "L-2", "L-3"]
    assert numbers(rows(clerk, f"{base}&standing=complete")) == ["L-3"]
    assert numbers(rows(clerk, f"{base}&q=l-2")) == ["L-2"]
    assert numbers(rows(clerk, f"{base}&q=%25")) == []
    assert numbers(rows(clerk, f"{base}&sort=tenant")) == ["L-1", "L-2", "L-3"]
    ticked = f"{base}&tenant={three[2].id}&tenant={three[0].id}"
    assert sorted(numbers(rows(clerk, ticked))) == ["L-1", "L-3"]
    assert rows(clerk, "period=2031-01") == []


def test_the_export_says_what_the_page_says(
    three: list[Company], clerk: Client
) -> None:
    (row,) = rows(clerk, f"period={MAY}&q=L-1")
    assert row["Standing"] == "Late"
    assert (row["Server-days owed"], row["Covered"], row["Missing"]) == ("2", "0", "2")
    assert row["Late from"] == "2026-06-05T00:00:00+02:00"
    assert row["Missing since"] == "2026-05-27T00:00:00+02:00"
    assert (row["Extended"], row["Last file"]) == ("no", "")


def test_a_name_cannot_be_a_formula(three: list[Company], clerk: Client) -> None:
    # Names hold no tabs and line breaks.
    for first in ("=", "+", "-", "@"):
        name = f'{first}HYPERLINK("https://evil.example";"x"),"y"'
        with unit_of_work.acting_for(unit_of_work.STAFF):
            Tenant.objects.filter(pk=three[0].id).update(name=name)
        (row,) = rows(clerk, f"period={MAY}&q=L-1")
        assert row["Tenant"] == f"'{name}"
