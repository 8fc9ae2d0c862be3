"""Changes that lower a server's debt wait for staff; those that raise it do not."""

from datetime import date, timedelta

import pytest
from django.db import connections
from django.db.utils import IntegrityError

from portal.approvals import Decision
from portal.audit import log as audit_log
from portal.db import unit_of_work
from portal.errors import Refused
from portal.models import AuditEntry
from tests.builders import NOW, Company
from usage.models import Server, ServerRequest, ServerRequestKind
from usage.servers import requests as server_requests
from usage.servers.requests import ServerChange

FIRST, LAST = ServerRequestKind.FIRST_DAY, ServerRequestKind.LAST_DAY
# Alice's company owes from 28 April on.
BEFORE, LATER, LATEST = date(2026, 4, 1), date(2026, 5, 7), date(2026, 5, 14)


def server(company: Company) -> Server:
    with unit_of_work.acting_for(company.id, reading=True):
        return Server.objects.get(name="IC01")


def request_change(
    company: Company,
    kind: ServerRequestKind,
    day: date | None,
    *,
    reason: str = "Because.",
) -> ServerRequest | None:
    change = ServerChange(
        server_id=server(company).pk, kind=kind, day=day, reason=reason
    )
    return server_requests.request_change(company.id, change=change, by="ada", at=NOW)


def approved(company: Company, kind: ServerRequestKind, day: date) -> None:
    asked = request_change(company, kind, day)
    assert asked is not None
    server_requests.approve(company.id, request_id=asked.pk, by="clerk", at=NOW)


def acts(company: Company) -> list[str]:
    with unit_of_work.acting_for(company.id, reading=True):
        found = AuditEntry.objects.order_by("number").values_list("act", flat=True)
        assert audit_log.first_break(tenant_id=company.id) is None
        return [act for act in found if act.startswith("server-") and "key" not in act]


@pytest.mark.parametrize(("kind", "day"), [(FIRST, LATER), (LAST, LATER)])
def test_what_lowers_the_debt_changes_nothing_until_it_is_approved(
    alice: Company, kind: ServerRequestKind, day: date
) -> None:
    asked = request_change(alice, kind, day)
    assert asked is not None
    assert (asked.decision, asked.asked_by, asked.asked_at) == ("", "ada", NOW)
    assert (server(alice).first_owed_on, server(alice).retired_on) == (None, None)
    done = server_requests.approve(alice.id, request_id=asked.pk, by="clerk", at=NOW)
    assert done.decision == Decision.APPROVED
    now = server(alice)
    assert (now.first_owed_on or now.retired_on) == day
    assert acts(alice) == [
        "server-change-asked",
        "server-change-approved",
        f"server-{kind}-changed",
    ]


def test_what_raises_the_debt_takes_effect_at_once(alice: Company) -> None:
    assert request_change(alice, FIRST, BEFORE, reason="") is None
    assert server(alice).first_owed_on == BEFORE
    approved(alice, LAST, LATER)
    assert request_change(alice, LAST, LATEST, reason="") is None
    assert server(alice).retired_on == LATEST
    assert request_change(alice, LAST, None, reason="") is None
    assert server(alice).retired_on is None
    assert acts(alice).count("server-last-day-changed") == 3


def test_an_earlier_last_day_is_a_request_again(alice: Company) -> None:
    approved(alice, LAST, LATEST)
    assert request_change(alice, LAST, LATER) is not None


def test_a_refusal_has_a_reason_and_changes_nothing(alice: Company) -> None:
    asked = request_change(alice, LAST, LATER)
    assert asked is not None
    with pytest.raises(Refused, match="reason-needed"):
        server_requests.refuse(
            alice.id, request_id=asked.pk, by="clerk", at=NOW, reason=" "
        )
    done = server_requests.refuse(
        alice.id, request_id=asked.pk, by="clerk", at=NOW, reason="It wrote on."
    )
    assert (done.decision, done.decision_reason) == ("refused", "It wrote on.")
    assert server(alice).retired_on is None


def test_the_reason_of_an_approval_is_bounded(alice: Company) -> None:
    asked = request_change(alice, LAST, LATER)
    assert asked is not None
    done = server_requests.approve(
        alice.id, request_id=asked.pk, by="clerk", at=NOW, reason=" \0" + "x" * 2_000
    )
    assert done.decision_reason == "x" * 1_000


def test_a_request_is_decided_once(alice: Company) -> None:
    asked = request_change(alice, LAST, LATER)
    assert asked is not None
    server_requests.withdraw(alice.id, request_id=asked.pk, by="ada", at=NOW)
    with pytest.raises(Refused, match="decided-already"):
        server_requests.approve(alice.id, request_id=asked.pk, by="clerk", at=NOW)
    assert server(alice).retired_on is None
    assert request_change(alice, LAST, LATER) is not None


def test_the_same_waits_for_one_answer_at_a_time(alice: Company) -> None:
    request_change(alice, LAST, LATER)
    for day in (LATEST, None):
        with pytest.raises(Refused, match="asked-already"):
            request_change(alice, LAST, day)
    assert request_change(alice, FIRST, LATER) is not None


def test_a_request_that_changes_nothing_is_refused(alice: Company) -> None:
    request_change(alice, FIRST, BEFORE)
    for kind, day in ((FIRST, BEFORE), (LAST, None)):
        with pytest.raises(Refused, match="nothing-to-change"):
            request_change(alice, kind, day)


def test_a_request_needs_a_reason(alice: Company) -> None:
    with pytest.raises(Refused, match="reason-needed"):
        request_change(alice, FIRST, LATER, reason=" ")


def test_another_tenants_servers_and_requests_are_not_there(
    alice: Company, charlie: Company
) -> None:
    asked = request_change(alice, LAST, LATER)
    assert asked is not None
    change = ServerChange(
        server_id=asked.server_id, kind=FIRST, day=LATER, reason="Mine."
    )
    with pytest.raises(Refused, match="not-found"):
        server_requests.request_change(charlie.id, change=change, by="charlie", at=NOW)
    for act in (server_requests.withdraw, server_requests.approve):
        with pytest.raises(Refused, match="not-found"):
            act(charlie.id, request_id=asked.pk, by="charlie", at=NOW)
    with unit_of_work.acting_for(charlie.id, reading=True):
        assert not server_requests.open_requests().exists()
    with unit_of_work.acting_for(unit_of_work.STAFF, reading=True):
        assert [one.tenant.pk for one in server_requests.open_requests()] == [alice.id]


def test_the_database_refuses_a_request_about_another_tenants_server(
    alice: Company, charlie: Company
) -> None:
    mine = server(alice).pk
    with (
        pytest.raises(IntegrityError, match="server_id_is_of_the_same_tenant"),
        unit_of_work.acting_for(charlie.id),
    ):
        ServerRequest.objects.create(
            tenant_id=charlie.id,
            server_id=mine,
            kind=LAST,
            day=LATER,
            reason="Mine.",
            asked_by="charlie",
            asked_at=NOW,
        )
    assert connections["default"].needs_rollback is False


def test_an_approved_request_yields_to_a_file_that_contradicts_it(
    alice: Company,
) -> None:
    from billing.coverage.calendar import CellState
    from billing.coverage.periods import Period
    from billing.periods.queries import view_period

    approved(alice, LAST, LATER)
    days = alice.server.days(date(2026, 4, 28), LATER + timedelta(days=1))
    for data in days:
        alice.send(data)
    with unit_of_work.acting_for(alice.id, reading=True):
        view = view_period(Period(2026, 5), at=NOW)
    cell = view.judgement.calendar.cells["IC01", LATER + timedelta(days=5)]
    assert cell.state == CellState.MISSING
