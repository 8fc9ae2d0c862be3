"""The lists of tenants and mails are counted up to a limit, in few queries."""

from datetime import datetime
from random import Random

import pytest
from django.db import connection, connections
from django.test import Client
from django.test.utils import CaptureQueriesContext

from billing.mail import queries as mail_queries
from portal.db import unit_of_work
from tests.billing.desk.stored_summaries import random_summary, store_tenant
from tests.builders import NOW, Company

_REMINDERS = """
insert into billing_reminder (tenant_id, state, attempts, faults, due_at, problem,
  recipient, planned_at, outcome, begun_at, message_id, period, step, day)
select %s, case when n %% 10 = 0 then 'set-aside' else 'done' end, 1, 0, %s, '',
  'p' || n || '@a.example', %s + n * interval '1 minute',
  case when n %% 10 = 0 then 'unsure' else 'sent' end, %s, 'm' || n, '2026-05',
  'ended', '2026-05-28'
from generate_series(1, %s) as n
"""

_TENANTS = """
insert into portal_tenant (number, name, zone, first_owed_on, is_demo, created_at)
select 'N-' || to_char(n, 'FM0000'), 'Name ' || to_char(n, 'FM0000'), 'Europe/Berlin',
  '2026-05-01', false, now()
from generate_series(1, %s) as n
"""

# Who calls: session, person, memberships. Two units of work that begin, take a role and
# commit: the page's, and the one that counts for the navigation.
_AROUND = 3 + 2 * 3 + 1


def reminders(company: Company, count: int, at: datetime = NOW) -> None:
    with connections["owner"].cursor() as cursor:
        cursor.execute(_REMINDERS, [company.id, at, at, at, count])


def tenants(count: int) -> None:
    with connections["owner"].cursor() as cursor:
        cursor.execute(_TENANTS, [count])


def queries(client: Client, address: str) -> int:
    client.get(address)
    with CaptureQueriesContext(connection) as found:
        assert client.get(address).status_code == 200
    return len(found)


@pytest.fixture
def few_counted(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in (
        "billing.mail.queries",
        "portal.pages.paging",
        "usage.files.staff_queries",
    ):
        monkeypatch.setattr(f"{name}.MOST_COUNTED", 55)
    mail_queries._counting.cache_clear()


def test_mails_are_counted_by_state(alice: Company, clerk: Client) -> None:
    reminders(alice, 40)
    with unit_of_work.acting_for(unit_of_work.STAFF, reading=True):
        counts = mail_queries.counts(mail_queries.REMINDER)
    zeros = {"waiting": 0, "failed": 0, "unneeded": 0}
    assert counts == {"": 40, "sent": 36, "unsure": 4, **zeros}


@pytest.mark.usefixtures("few_counted")
def test_more_mails_than_are_counted_can_be_paged(
    alice: Company, clerk: Client
) -> None:
    reminders(alice, 120)
    try:
        first = clerk.get("/staff/mail").content.decode()
        assert "<b>55+</b>" in first
        assert "1 to 50 of more than 55" in first
        third = clerk.get("/staff/mail?page=3").content.decode()
        assert "101 to 120 of more than 55" in third
        assert "p1@a.example" in third
        assert "page=4" not in third
        unsure = clerk.get("/staff/mail?told=unsure").content.decode()
        assert "<b>12</b>" in unsure
        # Pages that do not exist lead to the first one.
        for page in ("9", "0", "-1", "x", "²", "9" * 30):
            answer = clerk.get(f"/staff/mail?page={page}").content.decode()
            assert "1 to 50 of more than 55" in answer
    finally:
        mail_queries._counting.cache_clear()


def test_a_mail_page_costs_as_many_queries_for_many_mails(
    alice: Company, clerk: Client
) -> None:
    reminders(alice, 1)
    # The permission to send (three), counts, list, tenants.
    assert queries(clerk, "/staff/mail") == _AROUND + 6
    with connections["owner"].cursor() as cursor:
        cursor.execute("delete from billing_reminder")
    reminders(alice, 300)
    assert queries(clerk, "/staff/mail") == _AROUND + 6


def test_the_desk_and_the_tenants_are_loaded_in_few_queries(clerk: Client) -> None:
    tenants(120)
    rng = Random(1)
    with unit_of_work.acting_for(unit_of_work.STAFF):
        store_tenant(1, random_summary(rng))
    # Counts, ids, rows, who is being updated, who is late and not flagged yet, the
    # statements that are being updated, and who is late with an earlier period.
    assert queries(clerk, "/staff/?period=2026-05") == _AROUND + 9
    assert queries(clerk, "/staff/tenants") == _AROUND + 1
    assert queries(clerk, "/staff/tenants?q=name") == _AROUND + 2


def test_tenants_are_listed_by_name_with_what_they_have(
    alice: Company, clerk: Client
) -> None:
    tenants(60)
    page = clerk.get("/staff/tenants").content.decode()
    assert page.index("Alice Assurance") < page.index("Name 0001")
    assert "1 to 50 of 61" in page
    second = clerk.get("/staff/tenants?page=2").content.decode()
    assert "51 to 61 of 61" in second
    assert "Name 0060" in second


@pytest.mark.usefixtures("few_counted")
def test_a_search_for_many_tenants_lists_them_by_name(clerk: Client) -> None:
    tenants(120)
    page = clerk.get("/staff/tenants?q=nAme").content.decode()
    assert "1 to 50 of more than 55" in page
    assert page.index("Name 0001") < page.index("Name 0050")
    third = clerk.get("/staff/tenants?q=name&page=3").content.decode()
    assert "Name 0120" in third
    assert "q=name" in third
    few = clerk.get("/staff/tenants?q=n-0007").content.decode()
    assert few.count("Name 0007") == 1
    assert "No tenant has" in clerk.get("/staff/tenants?q=%25").content.decode()


def test_a_row_of_a_list_shows_what_has_changed(alice: Company, clerk: Client) -> None:
    assert "Alice Assurance" in clerk.get("/staff/tenants").content.decode()
    with connections["owner"].cursor() as cursor:
        cursor.execute("update portal_tenant set name = 'Alice & Co'")
    assert "Alice &amp; Co" in clerk.get("/staff/tenants").content.decode()
    reminders(alice, 1)
    assert "Sent" in clerk.get("/staff/mail").content.decode()
    with connections["owner"].cursor() as cursor:
        cursor.execute(
            "update billing_reminder set state = 'set-aside', outcome = 'unsure',"
            " planned_at = planned_at + interval '1 day'"
        )
    assert "It arrived" in clerk.get("/staff/mail").content.decode()
