"""The audit trail is a chain that reveals every later change."""

from concurrent.futures import ThreadPoolExecutor
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from django.db import connection, connections

from portal.audit import log as audit_log
from portal.db import unit_of_work
from portal.models import AuditEntry
from tests.builders import NOW, Company


def add(company: Company, number: int) -> None:
    with unit_of_work.acting_for(company.id):
        audit_log.append(
            tenant_id=company.id, actor="me", act="tried", subject=str(number), at=NOW
        )


def as_owner(statement: str, *parameters: Any) -> None:
    with connections["owner"].cursor() as cursor:
        cursor.execute(statement, parameters)


def first_break(company: Company) -> int | None:
    with unit_of_work.acting_for(company.id):
        return audit_log.first_break(tenant_id=company.id)


def test_a_trail_that_nobody_touched_is_whole(alice: Company) -> None:
    for number in range(3):
        add(alice, number)
    assert first_break(alice) is None


def test_a_moment_in_another_zone_is_the_same_moment(alice: Company) -> None:
    at = NOW.astimezone(ZoneInfo("Europe/Zurich"))
    with unit_of_work.acting_for(alice.id):
        audit_log.append(
            tenant_id=alice.id, actor="me", act="tried", subject="1", at=at
        )
    assert first_break(alice) is None


@pytest.mark.parametrize(
    "change",
    [
        "update portal_auditentry set actor = 'you' where number = 3"
        " and tenant_id = %s",
        "update portal_auditentry set details = '[]' where number = 3"
        " and tenant_id = %s",
        "delete from portal_auditentry where number = 3 and tenant_id = %s",
    ],
)
def test_a_change_behind_its_back_shows(alice: Company, change: str) -> None:
    for number in range(3):
        add(alice, number)
    as_owner(change, alice.id)
    assert first_break(alice) == 3


def test_a_trail_does_not_fork_under_load(alice: Company) -> None:
    def one(number: int) -> None:
        try:
            add(alice, number)
        finally:
            connection.close()

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(one, range(40)))
    assert first_break(alice) is None
    with unit_of_work.acting_for(alice.id):
        assert AuditEntry.objects.filter(act="tried").count() == 40


def test_the_staff_have_a_trail_of_their_own(alice: Company) -> None:
    with unit_of_work.acting_for(unit_of_work.STAFF):
        for number in range(2):
            audit_log.append(
                tenant_id=None, actor="clerk", act="tried", subject=str(number), at=NOW
            )
        assert audit_log.first_break(tenant_id=None) is None
    with unit_of_work.acting_for(alice.id):
        assert not AuditEntry.objects.filter(actor="clerk").exists()
