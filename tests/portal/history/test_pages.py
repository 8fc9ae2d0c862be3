"""The pages of the audit trail: who may read which, filters, paging and downloads."""

import csv
import gc
import io
import re
from datetime import timedelta
from typing import Any

import pytest
from django.db import connection, connections
from django.test import Client
from django.test.utils import CaptureQueriesContext

from portal.audit import check_trails
from portal.db import unit_of_work
from portal.history import export, queries
from portal.history.forms import entry_key, key_text
from portal.models import AuditEntry, StaffRole, User
from portal.tenants import create
from tests.builders import NOW, PASSWORD, Company
from tests.portal.history.trail_entries import add, as_owner, numbers

OWN, OWN_CSV = "/people/history", "/people/history/list.csv"
ALL, ALL_CSV = "/staff/audit-trail", "/staff/audit-trail/list.csv"

HOSTILE = "<script>alert(1)</script>"


def signed_in(person: User) -> Client:
    client = Client()
    client.force_login(person)
    return client


def staff(role: StaffRole) -> User:
    with unit_of_work.acting_for(unit_of_work.STAFF):
        return create.add_person(
            email=f"{role}@vendor.example",
            name=f"{role} of the vendor",
            password=PASSWORD,
            staff_role=role,
            at=NOW,
        )


@pytest.fixture
def admin(alice: Company) -> Client:
    return signed_in(alice.people["admin"])


@pytest.fixture
def auditor(db: None) -> Client:
    return signed_in(staff(StaffRole.AUDITOR))


def shown_numbers(page: str) -> list[int]:
    return [int(number) for number in re.findall(r"<br>entry ([\d,]+)<", page)]


def page_of(client: Client, address: str, **query: str) -> str:
    answer = client.get(address, query)
    assert answer.status_code == 200
    return str(answer.content.decode())


def table_of(client: Client, address: str, **query: str) -> list[dict[str, str]]:
    answer: Any = client.get(address, query)
    assert answer.status_code == 200, answer.content
    text = b"".join(answer.streaming_content).decode("utf-8-sig")
    return list(csv.DictReader(io.StringIO(text)))


# Who may read what


def test_an_admin_sees_the_entries_of_the_own_tenant_only(
    alice: Company, charlie: Company, admin: Client
) -> None:
    add(charlie, subject="of-charlie")
    add(None, subject="of-the-staff")
    add(alice, subject="of-alice")
    page = page_of(admin, OWN)
    assert "of-alice" in page
    assert "of-charlie" not in page
    assert "of-the-staff" not in page
    # The filters of the staff are not those of a tenant.
    for query in ({"tenant": "C-300"}, {"trail": "staff"}, {"subject": "of-charlie"}):
        found = page_of(admin, OWN, **query)
        assert "of-charlie</bdi>" not in found
        assert "of-the-staff" not in found
    rows = table_of(admin, OWN_CSV)
    assert {row["About"] for row in rows} & {"of-charlie", "of-the-staff"} == set()
    assert len(rows) == len(numbers(alice))


def test_the_database_shows_a_tenant_no_other_trail_and_no_other_check(
    alice: Company, charlie: Company
) -> None:
    add(charlie)
    add(None)
    with unit_of_work.acting_for(alice.id, reading=True):
        found = queries.entries(queries.TrailFilter())
        assert {entry.tenant_id for entry in found} == {alice.id}
        other = queries.TrailFilter(tenant_id=charlie.id)
        assert not queries.entries(other).exists()


@pytest.mark.parametrize("role", ["viewer", "uploader"])
@pytest.mark.parametrize("path", [OWN, OWN_CSV, ALL, ALL_CSV])
def test_viewers_and_uploaders_are_refused(
    alice: Company, role: str, path: str
) -> None:
    assert signed_in(alice.people[role]).get(path).status_code == 403


@pytest.mark.parametrize("path", [ALL, ALL_CSV])
def test_an_admin_of_a_tenant_is_refused_by_the_trail_of_all(
    admin: Client, path: str
) -> None:
    assert admin.get(path).status_code == 403


def test_an_auditor_reads_all_trails(
    alice: Company, charlie: Company, auditor: Client
) -> None:
    add(charlie, subject="of-charlie")
    add(None, act="mail-stopped", subject="of-the-staff")
    page = page_of(auditor, ALL)
    assert "of-charlie" in page
    assert "of-the-staff" in page
    own = page_of(auditor, ALL, trail="staff")
    assert "of-charlie" not in own
    assert "of-the-staff" in own
    of_alice = page_of(auditor, ALL, tenant="A-100")
    assert shown_numbers(of_alice) == numbers(alice)[::-1]


def test_a_number_that_no_tenant_has_finds_nothing(
    alice: Company, auditor: Client
) -> None:
    page = page_of(auditor, ALL, tenant="A-1")
    assert "No tenant with this customer number" in page
    assert shown_numbers(page) == []
    assert auditor.get(ALL_CSV, {"tenant": "A-1"}).status_code == 404


# Filters


def test_filters_narrow_the_list_and_are_kept(alice: Company, admin: Client) -> None:
    add(alice, actor="ida@a.example", subject="one")
    add(alice, actor="ida@a.example", act="token-revoked", subject="two")
    add(alice, actor="token one", act="file-held", subject="three", name="d.usg")

    def subjects(**query: str) -> set[str]:
        return {row["About"] for row in table_of(admin, OWN_CSV, **query)}

    assert subjects(who="ida@a.example") == {"one", "two"}
    assert subjects(who=" IDA@a.example ") == {"one", "two"}
    assert subjects(who="ida@a.example", act="token-revoked") == {"two"}
    assert subjects(who="token one") == {"three"}
    assert subjects(act="group:files") == {"three"}
    assert {"one", "two"} <= subjects(act="group:people")
    assert subjects(subject="one") == {"one"}
    assert subjects(subject="on") == set()
    page = page_of(admin, OWN, who="ida@a.example", act="group:people")
    assert 'value="ida@a.example"' in page
    assert '<option value="group:people" selected>' in page
    assert "list.csv?who=ida%40a.example&amp;act=group%3Apeople" in page


def test_days_are_those_of_the_tenants_zone(alice: Company, admin: Client) -> None:
    midnight = NOW.replace(hour=22, minute=0)  # of 21 May in Berlin
    add(alice, subject="before", at=midnight - timedelta(seconds=1))
    add(alice, subject="after", at=midnight)
    found = table_of(admin, OWN_CSV, since="2026-05-21", until="2026-05-21")
    assert [row["About"] for row in found] == ["after"]
    assert found[0]["Time"] == "2026-05-21T00:00:00+02:00"
    day = table_of(admin, OWN_CSV, since="2026-05-20", until="2026-05-20")
    assert "before" in {row["About"] for row in day}


def test_what_staff_did_is_found_also_after_they_have_left(
    alice: Company, admin: Client
) -> None:
    clerk = staff(StaffRole.CLERK)
    add(alice, actor=clerk.email, subject="by-clerk")
    as_owner("update portal_user set staff_role = '' where id = %s", clerk.pk)
    rows = table_of(admin, OWN_CSV, by="staff")
    assert [(row["About"], row["Who"]) for row in rows] == [
        ("by-clerk", "clerk of the vendor")
    ]
    assert "by-clerk" not in {
        row["About"] for row in table_of(admin, OWN_CSV, by="others")
    }
    page = page_of(admin, OWN)
    assert "clerk of the vendor</bdi> (billing staff)" in page
    assert clerk.email not in page


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("act", "no-such-act"),
        ("by", "nobody"),
        ("since", "2026-13-01"),
        ("until", "9999-12-31"),
        ("since", "0001-01-01"),
        ("who", "x" * 201),
        ("subject", "a\0b"),
    ],
)
def test_a_value_that_is_no_filter_is_ignored_with_a_warning_and_never_exported(
    alice: Company, admin: Client, name: str, value: str
) -> None:
    page = page_of(admin, OWN, **{name: value})
    assert "is not a filter of this list and was ignored" in page
    assert shown_numbers(page) == numbers(alice)[::-1]
    assert admin.get(OWN_CSV, {name: value}).status_code == 422


def test_a_list_without_entries_says_why(alice: Company, admin: Client) -> None:
    assert "No entry with these filters" in page_of(admin, OWN, who="nobody")
    assert "No older entry" in page_of(admin, OWN, before="1-1")


# Pages


def test_the_pages_have_each_entry_once_also_of_one_instant(
    alice: Company, admin: Client
) -> None:
    for _ in range(120):
        add(alice)  # all at the same instant
    seen: list[int] = []
    query = ""
    for _page in range(4):
        page = page_of(admin, f"{OWN}{query}")
        seen += shown_numbers(page)
        older = re.search(r'rel="next" href="(\?[^"]+)"', page)
        if older is None:
            break
        query = older[1].replace("&amp;", "&")
    assert seen == numbers(alice)[::-1]


def test_a_page_that_is_exactly_full_leads_to_no_empty_one(
    alice: Company, admin: Client
) -> None:
    add(alice, queries.ENTRIES_A_PAGE, subject="full")
    page = page_of(admin, OWN, subject="full")
    assert len(shown_numbers(page)) == queries.ENTRIES_A_PAGE
    assert 'rel="next"' not in page
    add(alice, subject="full")
    assert 'rel="next"' in page_of(admin, OWN, subject="full")


@pytest.mark.plain
@pytest.mark.parametrize(
    "text",
    [
        "",
        "x",
        "1",
        "1-",
        "-1",
        "1-x",
        "\N{FULLWIDTH DIGIT ONE}-1",
        "9" * 19 + "-1",
        "9" * 18 + "-1",
    ],
)
def test_a_key_that_no_page_has_made_is_none(text: str) -> None:
    assert entry_key(text) is None


@pytest.mark.plain
def test_a_key_is_read_as_it_is_written() -> None:
    key = queries.EntryKey(NOW + timedelta(microseconds=7), 12)
    assert entry_key(key_text(key)) == key


# Entries of a company and of the staff, of many people and about many things, a minute
# apart.
MANY = """
insert into portal_auditentry
    (tenant_id, number, at, actor, act, subject, details, previous, digest)
select case when n % 2 = 0 then %(tenant)s end, 1000 + n,
    timestamptz '2026-01-01' + n * interval '1 minute', 'person ' || n % 400,
    'act ' || n % 300, 'about ' || n % 500, '{}', '', ''
from generate_series(1, 20000) as n
"""


def plan_of(wanted: queries.TrailFilter) -> str:
    middle = queries.EntryKey(NOW.replace(month=1, day=8), 1)
    with unit_of_work.acting_for(unit_of_work.STAFF, reading=True):
        with CaptureQueriesContext(connection) as asked:
            queries.trail_page(wanted, middle)
        with connection.cursor() as cursor:
            cursor.execute(f"explain {asked[0]['sql']}")
            return "\n".join(line for (line,) in cursor.fetchall())


def test_each_filter_is_read_by_an_index_from_the_middle_of_many_entries(
    alice: Company,
) -> None:
    with connections["owner"].cursor() as cursor:
        cursor.execute(MANY.replace(" % ", " %% "), {"tenant": alice.id})
        cursor.execute("analyze portal_auditentry")
    for wanted, index in (
        (queries.TrailFilter(), "audit_by_time"),
        (queries.TrailFilter(actor="person 7"), "audit_by_actor"),
        (queries.TrailFilter(acts=("act 7",)), "audit_by_act"),
        (queries.TrailFilter(subject="about 8"), "audit_by_subject"),
    ):
        plan = plan_of(wanted)
        assert f"using {index}" in plan.lower().replace("scan on", "using"), plan
        assert "Seq Scan on portal_auditentry" not in plan
    plan = plan_of(queries.TrailFilter(tenant_id=alice.id))
    assert "Seq Scan on portal_auditentry" not in plan


def test_a_page_takes_the_same_queries_whatever_it_shows_and_counts_nothing(
    alice: Company, admin: Client
) -> None:
    counted = []
    for more in (1, 60):
        for number in range(more):
            add(alice, actor=f"person {number}", subject=f"about {number}")
        with CaptureQueriesContext(connection) as asked:
            page_of(admin, OWN)
        counted.append(len(asked))
        assert not [one for one in asked if "COUNT(" in one["sql"].upper()]
    assert counted[0] == counted[1] <= 24


# Downloads


def test_a_download_has_all_entries_with_their_digests(
    alice: Company, admin: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(queries, "_CHUNK", 7)
    add(alice, 30)
    rows = table_of(admin, OWN_CSV)
    assert [int(row["Entry"]) for row in rows] == numbers(alice)[::-1]
    with unit_of_work.acting_for(alice.id, reading=True):
        last = AuditEntry.objects.order_by("-number")[0]
    assert rows[0]["Digest"] == bytes(last.digest).hex()
    answer: Any = admin.get(OWN_CSV, {"format": "xlsx"})
    assert b"".join(answer.streaming_content).startswith(b"PK")


def test_a_download_that_would_be_too_long_is_refused(
    alice: Company, admin: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    add(alice, 9, subject="many")
    monkeypatch.setattr(export, "MOST_EXPORTED", 8)
    answer = admin.get(OWN_CSV, {"subject": "many"})
    assert answer.status_code == 422
    assert "more than 8 entries" in answer.content.decode()
    gc.collect()  # the refused download has a slot until then
    monkeypatch.setattr(export, "MOST_EXPORTED", 9)
    assert len(table_of(admin, OWN_CSV, subject="many")) == 9


def test_a_download_of_staff_is_recorded_in_their_own_trail(
    alice: Company, auditor: Client
) -> None:
    rows = table_of(auditor, ALL_CSV, act="group:people")
    assert {row["Tenant"] for row in rows} == {"A-100"}
    with unit_of_work.acting_for(unit_of_work.STAFF, reading=True):
        (entry,) = AuditEntry.objects.filter(tenant=None)
    assert (entry.act, entry.subject) == ("tenants-exported", "audit-trail")
    assert entry.actor == "auditor@vendor.example"
    assert entry.details["filters"] == "act=group%3Apeople"
    assert "downloaded a list of several tenants" in page_of(auditor, ALL)


def test_hostile_text_is_harmless_on_pages_and_in_downloads(
    alice: Company, admin: Client, auditor: Client
) -> None:
    add(alice, actor=HOSTILE, subject=HOSTILE, name=HOSTILE, scope="=1+1")
    for client, address in ((admin, OWN), (auditor, ALL)):
        page = page_of(client, address)
        assert "<script>alert" not in page
        assert "&lt;script&gt;alert(1)" in page
    (row,) = table_of(admin, OWN_CSV, subject=HOSTILE)
    assert row["Who"] == HOSTILE
    add(alice, actor="=cmd()", subject="=1+1")
    (row,) = table_of(admin, OWN_CSV, who="=cmd()")
    assert (row["Who"], row["About"]) == ("'=cmd()", "'=1+1")


# The chain


def test_both_pages_show_up_to_where_the_chain_is_unbroken(
    alice: Company, admin: Client, auditor: Client
) -> None:
    add(alice, 3)
    last = numbers(alice)[-1]
    assert f"Checked up to entry {last} at" in page_of(admin, OWN)
    assert "No trail has been checked yet" in page_of(auditor, ALL)
    # That the auditor looks is an entry too.
    page = page_of(auditor, ALL, tenant="A-100")
    assert f"Checked up to entry {last + 1} at" in page


def test_a_broken_chain_is_shown(
    alice: Company, admin: Client, auditor: Client
) -> None:
    add(alice, 3)
    number = numbers(alice)[-2]
    as_owner(
        "update portal_auditentry set details = '[1]'"
        " where tenant_id = %s and number = %s",
        *(alice.id, number),
    )
    said = f"The trail is broken from entry {number} on."
    assert said in page_of(admin, OWN)
    assert said in page_of(auditor, ALL, tenant="A-100")


def test_the_page_of_all_trails_names_the_broken_ones(
    alice: Company, charlie: Company, auditor: Client
) -> None:
    add(alice, 3)
    as_owner(
        "update portal_auditentry set actor = 'you' where tenant_id = %s", alice.id
    )
    check_trails.check_trails(at=NOW, has_time=lambda: True)
    page = page_of(auditor, ALL)
    assert "1 trail is broken." in page
    assert "broken from entry 1 on" in page


def test_the_tile_is_for_admins(alice: Company, admin: Client) -> None:
    assert "Who did what" in page_of(admin, "/")
    assert "Who did what" not in page_of(signed_in(alice.people["viewer"]), "/")
