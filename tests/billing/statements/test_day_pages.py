"""The page of a day explains its figures by file, and lists users for admins."""

import re
import time
from html import unescape
from typing import Any

import pytest
import time_machine
from django.test import Client

from billing.statements import (
    counted_users,
    file_contributions,
    file_opener,
    queries,
)
from billing.statements.reader_turns import reader_turn
from portal.db import unit_of_work
from portal.models import AuditEntry, StaffRole
from tests.billing.statements.page_tables import rows_of, section
from tests.billing.statements.statement_pages import words
from tests.billing.statements.statement_tenants import (
    AFTER,
    FIRST,
    LAST,
    MAY,
    MEMBERS,
    NAMES,
    add_staff,
    issue_version,
    open_tenant,
    send_all,
    send_day,
)
from tests.builders import Company
from usage.files import rows as stored_rows
from usage.models import FileState, UsageFile
from usage.usg import Sessions

DAY = "/billing-data/2026-05/days/2026-05-25"
USERS = f"{DAY}/users"


@pytest.fixture(autouse=True)
def _after_the_period() -> Any:
    with time_machine.travel(AFTER, tick=False):
        yield


@pytest.fixture
def company(db: None) -> Company:
    company = open_tenant("A-1")
    send_all(company)
    return company


def signed_in(company: Company, role: str = "admin") -> Client:
    client = Client(raise_request_exception=False)
    client.force_login(company.people[role])
    return client


def document_of(company: Company) -> dict[str, Any]:
    return queries.serve(company.id, MAY, version="latest", at=AFTER).content()


def names_in(html: str) -> list[str]:
    """Return the names of the list of users, in its order."""
    found = re.findall(r'<th scope="rowgroup"[^>]*>(.*?)</th>', html)
    return [unescape(re.sub("</?bdi>", "", one)) for one in found]


def entries(company: Company) -> list[tuple[str, dict[str, Any]]]:
    with unit_of_work.acting_for(company.id, reading=True):
        found = AuditEntry.objects.filter(act="users-listed").order_by("number")
        return list(found.values_list("actor", "details"))


def test_the_day_shows_its_figures_by_line_and_hour(company: Company) -> None:
    day = next(one for one in document_of(company)["days"] if one["day"] == str(FIRST))
    html = signed_in(company, "viewer").get(DAY).content.decode()
    by_id = {line["id"]: line for line in day["lines"]}
    rows = rows_of(section(html, "lines"))
    assert [row[0] for row in rows] == [
        *("Agents", "Business Users", "I3_ACCESS_RECORDER"),
    ]
    lines = ("agent", "business", "add_on:I3_ACCESS_RECORDER")
    for row, line in zip(rows, lines, strict=True):
        figures = by_id[line]
        assert row[1] == str(figures["named_users"])
        assert row[2] == str(figures["peak"])
        assert row[4] == str(figures["logins"])
    hours = rows_of(section(html, "hours"))
    assert [row[0] for row in hours] == [f"{hour:02}:00" for hour in range(24)]
    for row, hour in zip(hours, day["hours"], strict=True):
        of_hour = {line["id"]: line for line in hour["lines"]}
        expected = [
            of_hour[line][field]
            for line in ("agent", "business")
            for field in ("peak", "users")
        ]
        assert row[1:] == [str(one) for one in expected]


def test_logins_of_the_files_add_up_to_those_of_the_day(company: Company) -> None:
    company.server = company.registered("WEST", zone="America/New_York")
    send_all(company)
    day = next(one for one in document_of(company)["days"] if one["day"] == str(LAST))
    html = signed_in(company).get(f"{DAY[:-2]}27").content.decode()
    rows = rows_of(section(html, "files"))
    # Of the server in New York two files touch the day.
    assert len(rows) >= 2
    by_id = {line["id"]: line for line in day["lines"]}
    for column, line in ((3, "agent"), (6, "business")):
        assert sum(int(row[column]) for row in rows) == by_id[line]["logins"]
    link = re.search(r'href="(/files/[0-9a-f-]{36})"', section(html, "files"))
    assert link is not None
    assert signed_in(company).get(link[1]).status_code == 200


def test_staff_see_the_same_day_without_names(company: Company) -> None:
    client = Client()
    client.force_login(add_staff(StaffRole.CLERK))
    html = client.get(f"/staff/tenants/A-1/statements/2026-05/days/{FIRST}")
    text = html.content.decode()
    own = signed_in(company).get(DAY).content.decode()
    assert rows_of(section(text, "hours")) == rows_of(section(own, "hours"))
    assert "List names" not in text
    assert not [name for name in NAMES if name in text or name in own]


@pytest.mark.parametrize(
    ("line", "names"),
    [
        # Zephyrine.Quux is an agent in the morning, and business in the afternoon.
        ("agent", ["Zephyrine.Quux", "\u0141ukasz.\u017b\u00f3\u0142w"]),
        ("business", ["qwibble", "qwibble@zzyzx.example", "Xanthippe-Vole"]),
        ("add_on:I3_ACCESS_RECORDER", ["\u0141ukasz.\u017b\u00f3\u0142w"]),
    ],
)
def test_an_admin_lists_who_was_counted(
    company: Company, line: str, names: list[str]
) -> None:
    day = next(one for one in document_of(company)["days"] if one["day"] == str(FIRST))
    response = signed_in(company).post(USERS, {"line": line})
    assert response.status_code == 200
    assert "no-store" in response["Cache-Control"]
    html = response.content.decode()
    assert sorted(names_in(html)) == sorted(names)
    [figures] = [one for one in day["lines"] if one["id"] == line]
    assert len(names) == figures["named_users"]
    assert f"{len(names)} named user" in words(html)
    [(actor, details)] = entries(company)
    assert actor == company.people["admin"].email
    assert (details["day"], details["line"]) == (str(FIRST), line)


def test_the_list_shows_all_counted_rows_of_a_user(
    company: Company,
) -> None:
    html = signed_in(company).post(USERS, {"line": "agent"}).content.decode()
    found = words(html)
    assert "09:00:00 12:00:00 I3_ACCESS_ACD_MEDIA_1 yes" in found
    assert "11:00:00 14:00:00 I3_ACCESS_CLIENT yes" in found


def test_names_are_listed_page_by_page_and_each_page_is_recorded(
    company: Company, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("billing.statements.day_presenters.USERS_A_PAGE", 2)
    monkeypatch.setattr(counted_users, "USERS_A_PAGE", 2)
    client = signed_in(company)
    first = client.post(USERS, {"line": "business"}).content.decode()
    second = client.post(USERS, {"line": "business", "page": 2}).content.decode()
    assert len(names_in(first)) == 2
    assert len(names_in(second)) == 1
    assert "Next page" in first
    assert "Next page" not in second
    assert not set(names_in(first)) & set(names_in(second))
    assert [details["page"] for _, details in entries(company)] == [1, 2]


def test_many_rows_of_a_user_are_counted_not_listed(
    db: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(counted_users, "MOST_ROWS", 3)
    company = open_tenant("A-1")
    many = Sessions(
        users=["ada", "bob"],
        licence_sets=[["I3_ACCESS_CLIENT"]],
        user=[0] * 7 + [1],
        licences=[0] * 8,
        login=[3_600 * (7 - number) for number in range(7)] + [60],
        logout=[3_600 * (7 - number) + 30 for number in range(7)] + [90],
        flags=[0] * 8,
    )
    company.send(company.server.day(FIRST, sessions=many), at=AFTER)
    other = company.registered("OTHER")
    company.send(other.day(FIRST, sessions=many), at=AFTER)
    html = signed_in(company).post(USERS, {"line": "business"}).content.decode()
    assert names_in(html) == ["ada", "bob"]
    found = words(html)
    assert found.count("01:00:00 01:00:30") == 2
    assert found.count("02:00:00 02:00:30") == 1
    assert "11 more rows of ada" in found
    assert "more rows of bob" not in found


def test_a_form_of_another_tenants_page_lists_nothing(company: Company) -> None:
    fields = {"line": "agent", "for-customer": "C-300"}
    html = signed_in(company).get(DAY).content.decode()
    assert '<input type="hidden" name="for-customer" value="A-1">' in html
    assert signed_in(company).post(USERS, fields).status_code == 409
    assert entries(company) == []


def test_the_address_of_a_list_leads_to_the_day_and_lists_nothing(
    company: Company,
) -> None:
    response = signed_in(company).get(f"{USERS}?version=draft")
    assert (response.status_code, response["Location"]) == (302, f"{DAY}?version=draft")
    assert entries(company) == []


def test_a_day_is_computed_once_and_again_for_other_figures(
    company: Company, monkeypatch: pytest.MonkeyPatch
) -> None:
    client, opened = signed_in(company), []
    real = stored_rows.read_rows
    document_of(company)

    def noted(file: UsageFile, **given: Any) -> Any:
        opened.append(file.pk)
        return real(file, **given)

    monkeypatch.setattr(file_opener, "read_rows", noted)
    first = rows_of(section(client.get(DAY).content.decode(), "files"))
    count = len(opened)
    assert rows_of(section(client.get(DAY).content.decode(), "files")) == first
    assert len(opened) == count > 0
    company.server = company.registered("LATE")
    send_day(company, FIRST)
    assert len(rows_of(section(client.get(DAY).content.decode(), "files"))) == 2


def test_few_days_are_cached_the_last_ones(
    company: Company, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(file_contributions, "_CACHE_SIZE", 2)
    file_contributions._cache.clear()
    client = signed_in(company)
    for day in ("25", "26", "25", "27"):
        assert client.get(f"{DAY[:-2]}{day}").status_code == 200
    assert [key[2].day for key in file_contributions._cache] == [25, 27]


@pytest.mark.parametrize("day", ["%0A", "x", "2026-05-32", "%00"])
def test_the_address_of_a_list_of_no_day_is_not_found(
    company: Company, day: str
) -> None:
    path = f"/billing-data/2026-05/days/{day}/users"
    assert signed_in(company).get(path).status_code == 404
    assert signed_in(company).get(path.removesuffix("/users")).status_code == 404


def test_a_reader_whose_turn_does_not_come_is_told_so(
    company: Company, monkeypatch: pytest.MonkeyPatch
) -> None:
    document_of(company)
    monkeypatch.setattr(file_contributions, "_PATIENCE", 0.0)
    monkeypatch.setattr(counted_users, "_PATIENCE", 0.0)
    client = signed_in(company)
    with reader_turn(until=time.monotonic()):
        found = words(client.get(DAY).content.decode())
        response = client.post(USERS, {"line": "agent"})
    assert "are being computed." in found
    assert response.status_code == 503
    assert client.post(USERS, {"line": "agent"}).status_code == 200


@pytest.mark.parametrize("role", ["viewer", "uploader"])
def test_only_admins_see_names(company: Company, role: str) -> None:
    client = signed_in(company, role)
    assert "List names" not in client.get(DAY).content.decode()
    assert client.post(USERS, {"line": "agent"}).status_code == 403
    assert entries(company) == []


def test_a_token_lists_no_names(company: Company) -> None:
    headers = MEMBERS["token of scope upload"](company).headers
    response = Client().post(USERS, {"line": "agent"}, headers=headers)
    assert response.status_code in {302, 403}
    assert entries(company) == []


def test_an_admin_sees_no_names_of_another_tenant(company: Company) -> None:
    other = open_tenant("C-300", name="Charlie Cargo")
    response = signed_in(other).post(USERS, {"line": "agent"})
    assert names_in(response.content.decode()) == []
    assert entries(company) == []


@pytest.mark.parametrize(
    ("fields", "day"),
    [
        ({"line": "agent"}, "2026-06-25"),
        ({"line": "agent"}, "2026-13-01"),
        ({"line": "agent", "page": "0"}, "2026-05-25"),
        ({"line": "nobody"}, "2026-05-25"),
        ({}, "2026-05-25"),
    ],
)
def test_an_unknown_day_line_or_page_is_not_found_and_not_recorded(
    company: Company, fields: dict[str, str], day: str
) -> None:
    path = f"/billing-data/2026-05/days/{day}/users"
    assert signed_in(company).post(path, fields).status_code == 404
    assert entries(company) == []


def test_a_version_whose_file_no_longer_counts_keeps_its_figures(
    company: Company,
) -> None:
    issue_version(company)
    with unit_of_work.acting_for(company.id, holding=True):
        UsageFile.objects.filter(day=LAST).update(
            state=FileState.REFUSED, decided_at=AFTER, decision_reason="a test"
        )
    client = signed_in(company)
    html = client.get(f"{DAY}?version=1").content.decode()
    assert "A file of this version no longer counts" in html
    assert "List names" not in html
    assert client.post(f"{USERS}?version=1", {"line": "agent"}).status_code == 409


def test_an_older_version_is_explained_by_its_own_files(company: Company) -> None:
    issue_version(company)
    company.server = company.registered("LATE")
    send_day(company, FIRST)
    client = signed_in(company)
    one = rows_of(section(client.get(f"{DAY}?version=1").content.decode(), "files"))
    draft = client.get(f"{DAY}?version=draft").content.decode()
    assert len(one) == 1
    assert len(rows_of(section(draft, "files"))) == 2


def test_a_day_without_figures_says_so(company: Company) -> None:
    html = signed_in(company).get(f"{DAY[:-2]}01").content.decode()
    found = words(html)
    assert "There are no figures for this day." in found
    assert "No server-days are owed on this day." in found


def test_a_day_shows_its_figures_while_the_store_is_away(
    company: Company, monkeypatch: pytest.MonkeyPatch
) -> None:
    document_of(company)

    def away(*_: Any, **__: Any) -> None:
        message = "the store is away"
        raise OSError(message)

    monkeypatch.setattr(file_opener, "read_rows", away)
    response = signed_in(company).get(DAY)
    assert response.status_code == 200
    found = words(response.content.decode())
    assert "cannot be computed at the moment." in found
    assert "Peak use: 2 Agents" in found
