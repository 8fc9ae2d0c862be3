"""That staff look at a tenant's pages is an entry of its trail, once a day for each."""

import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from datetime import timedelta

from django.db import connection
from django.test import Client

from portal.audit import log as audit_log
from portal.audit import visits
from portal.db import unit_of_work
from portal.models import AuditEntry, StaffRole, StaffVisit
from tests.billing.staff.staff_clients import signed_in, staff, staff_client
from tests.billing.staff.staff_data import held_file
from tests.builders import NOW, Company

HERE = "/staff/tenants/A-100"


def looked(company: Company) -> list[str]:
    """Return who looked at the company's pages, by its audit trail."""
    with unit_of_work.acting_for(company.id, reading=True):
        entries = AuditEntry.objects.filter(act="tenant-looked-at").order_by("number")
        return [entry.actor for entry in entries]


def always() -> bool:
    return True


@contextmanager
def held_lock(company: Company) -> Iterator[None]:
    """Have another thread hold the lock of a company."""
    holds, done = threading.Event(), threading.Event()

    def hold() -> None:
        try:
            with unit_of_work.acting_for(company.id, holding=True):
                holds.set()
                assert done.wait(20)
        finally:
            connection.close()

    with ThreadPoolExecutor(1) as pool:
        holder = pool.submit(hold)
        assert holds.wait(20)
        yield
        done.set()
        holder.result()


def test_the_first_page_of_a_day_is_recorded_for_each_person(
    alice: Company, charlie: Company, clerk: Client
) -> None:
    auditor = staff_client(StaffRole.AUDITOR)
    for path in (HERE, f"{HERE}/people", f"{HERE}/files", HERE):
        clerk.get(path)
        auditor.get(path)
    assert looked(alice) == ["clerk@vendor.example", "auditor@vendor.example"]
    assert looked(charlie) == []
    page = signed_in(alice.people["admin"]).get("/people/history").content.decode()
    assert "Clerk</bdi> (billing staff) looked at pages of the tenant" in page


def test_a_page_of_a_tenant_whose_address_does_not_name_it_is_recorded_too(
    alice: Company, clerk: Client
) -> None:
    file = held_file(alice)
    clerk.get(f"/staff/held/{file.pk}")
    assert looked(alice) == ["clerk@vendor.example"]


def test_the_trail_of_a_tenant_is_one_of_its_pages(
    alice: Company, clerk: Client
) -> None:
    clerk.get("/staff/audit-trail?tenant=A-100")
    assert looked(alice) == ["clerk@vendor.example"]


def test_statements_by_the_api_are_among_what_staff_look_at(
    alice: Company, clerk: Client
) -> None:
    clerk.get("/api/v1/statements/2026-05?tenant=A-100")
    assert looked(alice) == ["clerk@vendor.example"]


def test_lists_of_all_tenants_and_unknown_tenants_are_no_visit(
    alice: Company, clerk: Client
) -> None:
    for path in ("/staff/", "/staff/tenants", "/staff/late", "/staff/audit-trail"):
        clerk.get(path)
    assert clerk.get("/staff/tenants/none/people").status_code == 404
    assert looked(alice) == []


def test_another_day_is_another_visit(alice: Company) -> None:
    person = staff(StaffRole.CLERK)
    for days in (0, 0, 1):
        at = NOW + timedelta(days=days)
        visits.record(number="A-100", user_id=person.pk, name=person.email, at=at)
    assert looked(alice) == [person.email] * 2


def test_a_page_does_not_wait_for_the_lock_of_the_tenant(
    alice: Company, clerk: Client
) -> None:
    with held_lock(alice):
        assert clerk.get(f"{HERE}/people").status_code == 200
        assert clerk.get(HERE).status_code == 200
    # The visit is committed; its entry is written by the task.
    assert looked(alice) == []
    with unit_of_work.acting_for(unit_of_work.STAFF, reading=True):
        (visit,) = StaffVisit.objects.all()
    assert visits.record_waiting(now=lambda: NOW, has_time=always) == 1
    assert visits.record_waiting(now=lambda: NOW, has_time=always) == 0
    assert looked(alice) == ["clerk@vendor.example"]
    with unit_of_work.acting_for(alice.id, reading=True):
        entry = AuditEntry.objects.get(act="tenant-looked-at")
        assert entry.at == visit.seen_at
        assert audit_log.first_break(tenant_id=alice.id) is None


def test_ten_pages_opened_at_once_are_one_visit(alice: Company) -> None:
    person = staff(StaffRole.CLERK)

    def visit(_number: int) -> None:
        try:
            visits.record(number="A-100", user_id=person.pk, name=person.email, at=NOW)
        finally:
            connection.close()

    with ThreadPoolExecutor(10) as pool:
        list(pool.map(visit, range(10)))
    visits.record_waiting(now=lambda: NOW, has_time=always)
    assert looked(alice) == [person.email]


def test_a_list_of_several_tenants_is_recorded_in_the_trail_of_the_staff(
    alice: Company, clerk: Client
) -> None:
    for path in ("/staff/desk.csv", "/staff/late.csv"):
        answer = clerk.get(path)
        b"".join(answer.streaming_content)  # type: ignore[attr-defined]  # a stream
    with unit_of_work.acting_for(unit_of_work.STAFF, reading=True):
        entries = AuditEntry.objects.filter(tenant=None).order_by("number")
        found = [(entry.act, entry.subject) for entry in entries]
    assert found == [
        ("tenants-exported", "standings"),
        ("tenants-exported", "late-flags"),
    ]
