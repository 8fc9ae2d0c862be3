"""An excuse ends by itself once its files are accepted, which both sides see."""

from datetime import UTC, date, datetime

import pytest
from django.test import Client
from django.urls import reverse

from billing.coverage.standing import Standing
from billing.models import Excuse, ExcuseKindChoices
from billing.periods import open_periods
from billing.requests import excuses
from portal.db import unit_of_work
from portal.errors import Refused
from portal.models import AuditEntry, StaffRole
from tests.billing.periods.summary_differences import differing
from tests.billing.requests.excuse_requests import (
    AFTER,
    current_judgement,
    may,
    request_excuse,
    send_all,
    states,
    stored_summary,
)
from tests.billing.staff.staff_clients import staff_client
from tests.builders import NOW, Company
from usage.models import UsageFile
from usage.review import decide
from usage.usg import ClosedBy


@pytest.fixture(autouse=True)
def _opened(alice: Company) -> None:
    open_periods.open_current_periods(today=date(2026, 6, 30), at=NOW)


def reloaded(company: Company, one: Excuse) -> Excuse:
    stored_summary(company)
    with unit_of_work.acting_for(company.id, reading=True):
        return Excuse.objects.get(pk=one.pk)


def waiting(company: Company) -> list[int]:
    with unit_of_work.acting_for(company.id, reading=True):
        return [one.pk for one in excuses.open_excuses()]


def test_an_excuse_ends_when_the_last_of_its_files_is_accepted(alice: Company) -> None:
    ninth, tenth = send_all(alice, without=frozenset({9, 10}))
    excuse = request_excuse(alice, may(6), may(7), kind=ExcuseKindChoices.LOST)
    alice.send(ninth, at=AFTER)
    assert reloaded(alice, excuse).answered_at is None
    assert waiting(alice) == [excuse.pk]
    alice.send(tenth, at=AFTER)
    assert reloaded(alice, excuse).answered_at == AFTER
    assert waiting(alice) == []
    with pytest.raises(Refused, match="decided-already"):
        excuses.refuse(
            alice.id, excuse_id=excuse.pk, by="clerk", at=AFTER, reason="No."
        )
    with unit_of_work.acting_for(alice.id, reading=True):
        acts = AuditEntry.objects.filter(act__startswith="excuse-")
        assert list(acts.order_by("pk").values_list("act", "actor")) == [
            ("excuse-asked", "admin"),
            ("excuse-answered", "portal"),
        ]


def test_an_excuse_of_numbers_ends_with_the_last_of_them(alice: Company) -> None:
    ninth, tenth = send_all(alice, without=frozenset({9, 10}))
    excuse = request_excuse(
        alice,
        kind=ExcuseKindChoices.LOST,
        series=alice.server.series,
        numbers=(9, 10),
    )
    alice.send(tenth, at=AFTER)
    assert reloaded(alice, excuse).answered_at is None
    alice.send(ninth, at=AFTER)
    assert reloaded(alice, excuse).answered_at == AFTER


def test_a_tenant_who_asked_in_time_is_not_late_with_a_file_after_the_deadline(
    alice: Company,
) -> None:
    [ninth] = send_all(alice, without=frozenset({9}))
    excuse = request_excuse(alice, may(6), kind=ExcuseKindChoices.LOST)
    alice.send(ninth, at=AFTER)
    assert reloaded(alice, excuse).answered_at == AFTER
    assert current_judgement(alice).standing is Standing.COMPLETE
    assert current_judgement(alice).late == ()


def half_of(company: Company, file: UsageFile) -> bytes:
    return company.server.day(
        may(6),
        sequence=file.sequence,
        previous=file.previous,
        closed_at=datetime(2026, 5, 6, 10, tzinfo=UTC),
        closed_by=ClosedBy.RESTART,
    )


def test_the_excuse_waits_again_when_staff_choose_another_file(alice: Company) -> None:
    [ninth] = send_all(alice, without=frozenset({9}))
    excuse = request_excuse(alice, may(6), kind=ExcuseKindChoices.LOST)
    file, _ = alice.send(ninth, at=AFTER)
    assert reloaded(alice, excuse).answered_at is not None
    # Another file of the same number, which ends at noon.
    half, _ = alice.send(half_of(alice, file), at=AFTER)
    decide.choose(
        alice.id,
        file_id=half.pk,
        seen={file.pk, half.pk},
        by="clerk",
        at=AFTER,
        reason="It is so.",
    )
    assert reloaded(alice, excuse).answered_at is None
    assert states(current_judgement(alice), may(6)) == ["with us"]
    assert differing(alice) == []


def test_both_sides_see_that_the_excuse_ended(alice: Company) -> None:
    [ninth] = send_all(alice, without=frozenset({9}))
    request_excuse(alice, may(6), kind=ExcuseKindChoices.LOST)
    alice.send(ninth, at=AFTER)
    stored_summary(alice)
    admin = Client()
    admin.force_login(alice.people["admin"])
    page = admin.get("/excuses").content.decode()
    assert "ended by itself: the files were accepted" in page
    assert "Withdraw" not in page.split("<main")[1]
    clerk = staff_client(StaffRole.CLERK)
    page = clerk.get(
        reverse("staff-tenant-decide", kwargs={"number": alice.number})
    ).content.decode()
    assert "ended by itself: the files were accepted" in page
    assert "Approve the excuse" not in page


def test_an_excuse_ends_although_another_one_covers_one_of_its_days(
    alice: Company,
) -> None:
    ninth, _ = send_all(alice, without=frozenset({9, 10}))
    other = request_excuse(alice, may(7), kind=ExcuseKindChoices.LOST)
    excuses.approve(alice.id, excuse_id=other.pk, by="clerk", at=AFTER)
    excuse = request_excuse(alice, may(6), kind=ExcuseKindChoices.LOST)
    with unit_of_work.acting_for(alice.id):
        Excuse.objects.filter(pk=excuse.pk).update(days=[may(6), may(7)])
    alice.send(ninth, at=AFTER)
    assert reloaded(alice, excuse).answered_at == AFTER
