"""Server keys are revoked and refused: which files count, and which are held."""

from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from threading import Barrier, Thread
from typing import Any

import pytest
from django.db import IntegrityError, connection, connections, transaction

from billing.coverage.cells import CellState
from billing.coverage.periods import Period
from billing.periods.queries import view_period
from portal.audit import log as audit_log
from portal.db import unit_of_work
from portal.errors import Refused
from portal.health.invariants import InvariantScope
from portal.models import AuditEntry
from tests.builders import NOW, Company, Writer
from usage.files import key_queries, waiting
from usage.files.problems import (
    SIGNER_REFUSED,
    SIGNER_REVOKED,
    describe,
    holding,
)
from usage.maintenance import invariants_of_keys
from usage.models import FileState, KeyState, ServerKey, Settling, UsageFile
from usage.review import decide
from usage.review import queries as review_queries
from usage.review.queries import HoldReason
from usage.servers import end_keys
from usage.servers import keys as server_keys
from usage.servers.end_keys import EndedKey
from usage.uploads import judge, judge_pending
from usage.usg import Code, fingerprint

DAY = date(2026, 5, 7)
HOUR = timedelta(hours=1)
ADMIN, CLERK = "admin@a-100.example", "clerk@vendor.example"
WHY = "The machine was stolen."


def key_of(company: Company, server: str = "IC01") -> ServerKey:
    with unit_of_work.acting_for(company.id, reading=True):
        return ServerKey.objects.select_related("server").get(server__name=server)


def revoke(
    company: Company,
    *,
    since: datetime | None = None,
    at: datetime = NOW,
    reason: str = WHY,
) -> EndedKey:
    return end_keys.revoke_key(
        company.id,
        key_id=key_of(company).pk,
        revoked_from=since,
        by=ADMIN,
        at=at,
        reason=reason,
    )


def refuse(company: Company, server: str = "IC77", reason: str = WHY) -> EndedKey:
    return end_keys.refuse_key(
        company.id,
        key_id=key_of(company, server).pk,
        by=ADMIN,
        at=NOW,
        reason=reason,
    )


def send(company: Company, writer: Writer, *, day: date = DAY, at: datetime) -> Any:
    return company.send(writer.day(day), at=at)[0]


def states(company: Company) -> list[str]:
    return [file.state for file in company.files()]


def entry(company: Company, act: str) -> AuditEntry:
    with unit_of_work.acting_for(company.id, reading=True):
        assert audit_log.first_break(tenant_id=company.id) is None
        return AuditEntry.objects.get(act=act)


# Revoked keys


def test_files_received_from_the_revocation_on_are_held_and_earlier_ones_stay(
    alice: Company,
) -> None:
    before = send(alice, alice.server, at=NOW - HOUR)
    ended = revoke(alice)
    after = send(alice, alice.server, day=date(2026, 5, 8), at=NOW)
    assert (ended.accepted.all, ended.accepted.since, ended.held) == (1, 0, 0)
    assert (before.state, after.state) == (FileState.ACCEPTED, FileState.HELD)
    assert holding(after.problems) == [SIGNER_REVOKED]
    [problem] = [describe(row) for row in after.problems]
    assert "IC01" in problem["title"]
    assert "UTC" in problem["title"]
    assert "the billing team decides" in problem["advice"]


def test_a_file_received_before_the_revocation_counts_though_it_is_judged_later(
    alice: Company,
) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(judge, "judge", lambda *_, **__: 1 / 0)
        send(alice, alice.server, at=NOW - HOUR)
    revoke(alice)
    judge_pending.judge_pending(at=NOW + HOUR)
    assert states(alice) == [FileState.ACCEPTED]


def test_a_key_stolen_earlier_is_revoked_from_then_and_accepted_files_are_listed(
    alice: Company,
) -> None:
    early = send(alice, alice.server, at=NOW - 3 * HOUR)
    since = [
        send(alice, alice.server, day=DAY + timedelta(days=number), at=NOW - HOUR)
        for number in (1, 2)
    ]
    ended = revoke(alice, since=NOW - 2 * HOUR)
    assert (ended.accepted.all, ended.accepted.since) == (3, 2)
    assert states(alice) == [FileState.ACCEPTED] * 3
    with unit_of_work.acting_for(alice.id, reading=True):
        listed = list(key_queries.accepted_since(ended.key))
        every = list(key_queries.accepted_files(ended.key))
    assert {one.pk for one in listed} == {one.pk for one in since}
    assert every[-1].pk == early.pk


def test_a_key_is_never_revoked_from_a_later_instant(alice: Company) -> None:
    with pytest.raises(Refused) as refusal:
        revoke(alice, since=NOW + timedelta(seconds=1))
    assert refusal.value.code == "revocation-ahead"
    assert key_of(alice).state == KeyState.CONFIRMED


def test_a_revocation_is_in_the_trail_with_its_reason_and_instant(
    alice: Company,
) -> None:
    revoke(alice, since=NOW - HOUR)
    found = entry(alice, "server-key-revoked")
    assert (found.actor, found.subject) == (ADMIN, "IC01")
    assert found.details["reason"] == WHY
    assert found.details["from"] == (NOW - HOUR).isoformat()
    assert found.details["key"] == key_of(alice).fingerprint


def test_a_file_held_for_its_clock_waits_for_its_key_too_once_that_is_revoked(
    alice: Company,
) -> None:
    opened = datetime(2126, 5, 7, tzinfo=UTC)
    data = alice.server.day(DAY, opened_at=opened, closed_at=opened + 24 * HOUR)
    held, _ = alice.send(data, at=NOW)
    ended = revoke(alice, since=NOW - HOUR)
    assert (ended.held, ended.judged.held) == (1, 1)
    [file] = alice.files()
    assert SIGNER_REVOKED in holding(file.problems)
    file = decide.assign_day(
        alice.id, file_id=held.pk, day=DAY, by=CLERK, at=NOW, reason=WHY
    )
    assert holding(file.problems) == [SIGNER_REVOKED]
    file = accept(alice, file)
    assert file.state == FileState.ACCEPTED
    assert {describe(row)["severity"] for row in file.problems} == {"warn"}


def test_another_key_takes_the_place_of_a_revoked_one(alice: Company) -> None:
    revoke(alice)
    successor = alice.registered("IC01")
    assert send(alice, successor, at=NOW).state == FileState.ACCEPTED
    with unit_of_work.acting_for(alice.id, reading=True):
        found = sorted(ServerKey.objects.values_list("state", flat=True))
    assert found == [KeyState.CONFIRMED, KeyState.REVOKED]


# Refused keys


def test_a_refused_key_loses_no_file_and_is_not_proposed_again(alice: Company) -> None:
    writer = alice.writer("IC77")
    first = send(alice, writer, at=NOW)
    assert holding(first.problems) == [Code.SIGNER_UNKNOWN]
    ended = refuse(alice)
    assert (ended.held, ended.judged.held) == (1, 1)
    second = send(alice, writer, day=date(2026, 5, 8), at=NOW)
    assert states(alice) == [FileState.HELD] * 2
    assert {code for file in alice.files() for code in holding(file.problems)} == {
        SIGNER_REFUSED
    }
    assert second.server is not None
    with unit_of_work.acting_for(alice.id, reading=True):
        assert review_queries.proposed_keys() == []
        assert list(review_queries.awaited_keys()) == []
        assert review_queries.held_apart().count() == 2
        assert review_queries.held_files(HoldReason.ENDED).count() == 2
        assert review_queries.count_for_staff() == 2
    found = entry(alice, "server-key-refused")
    assert (found.details["held"], found.details["reason"]) == (1, WHY)


def test_files_that_cannot_be_judged_at_once_are_left_to_a_worker(
    alice: Company,
) -> None:
    send(alice, alice.writer("IC77"), at=NOW)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(judge, "judge_file", lambda *_, **__: 1 / 0)
        assert refuse(alice).judged.unjudged == 1
    with unit_of_work.acting_for(alice.id, reading=True):
        # Meanwhile it waits for the portal, not for an admin.
        counts = waiting.waiting_files([alice.id], DAY, DAY)[alice.id]
        assert [one.waits_for for one in counts] == ["check"]
        assert list(waiting.files_for_key()) == []
        assert Settling.objects.filter(state="waiting").count() == 1
    judge_pending.judge_pending(at=NOW)
    [file] = alice.files()
    assert (file.state, holding(file.problems)) == (FileState.HELD, [SIGNER_REFUSED])


# What cannot be done with a key that has ended


@pytest.mark.parametrize("server", ["IC01", "IC77"])
def test_a_key_that_has_ended_cannot_be_confirmed_or_registered(
    alice: Company, server: str
) -> None:
    stranger = alice.writer("IC77")
    send(alice, stranger, at=NOW)
    revoke(alice)
    refuse(alice)
    writer = alice.server if server == "IC01" else stranger
    public = writer.pair.public
    code = "key-revoked" if server == "IC01" else "key-refused"
    with pytest.raises(Refused) as refusal:
        server_keys.confirm_key(
            alice.id, server=server, key=fingerprint(public), by=ADMIN, at=NOW
        )
    assert refusal.value.code == code
    with pytest.raises(Refused) as refusal, unit_of_work.acting_for(alice.id):
        server_keys.register(alice.id, name=server, public=public, by=ADMIN, at=NOW)
    assert refusal.value.code == code


def test_only_a_confirmed_key_is_revoked_and_only_a_proposed_one_refused(
    alice: Company,
) -> None:
    send(alice, alice.writer("IC77"), at=NOW)
    with pytest.raises(Refused, match="decided-already"):
        refuse(alice, "IC01")
    with pytest.raises(Refused, match="decided-already"):
        end_keys.revoke_key(
            alice.id, key_id=key_of(alice, "IC77").pk, by=ADMIN, at=NOW, reason=WHY
        )
    for end in (revoke, refuse):
        with pytest.raises(Refused, match="reason-needed"):
            end(alice, reason=" ")
        end(alice)
        with pytest.raises(Refused, match="decided-already"):
            end(alice)


def test_a_key_of_another_tenant_is_not_there(alice: Company, charlie: Company) -> None:
    with pytest.raises(Refused, match="not-found"):
        end_keys.revoke_key(
            charlie.id, key_id=key_of(alice).pk, by=ADMIN, at=NOW, reason=WHY
        )
    assert key_of(alice).state == KeyState.CONFIRMED


def outcomes(*acts: Callable[[], object]) -> list[str]:
    """Do several things at once; return what became of each, in order of the words."""
    together, found = Barrier(len(acts)), []

    def run(act: Callable[[], object]) -> None:
        try:
            together.wait(10)
            act()
            found.append("done")
        except Refused as refusal:
            found.append(refusal.code)
        finally:
            connection.close()

    threads = [Thread(target=run, args=[act]) for act in acts]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(20)
    return sorted(found)


def test_of_two_who_revoke_a_key_at_once_the_second_is_told(
    alice: Company, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(unit_of_work, "LOCK_TIMEOUT", "20s")
    both = outcomes(lambda: revoke(alice), lambda: revoke(alice, reason="Mine."))
    assert both == ["decided-already", "done"]
    entry(alice, "server-key-revoked")


def test_of_two_who_confirm_and_refuse_a_key_at_once_the_second_is_told(
    alice: Company, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(unit_of_work, "LOCK_TIMEOUT", "20s")
    send(alice, alice.writer("IC77"), at=NOW)
    key = key_of(alice, "IC77").fingerprint

    def confirm() -> None:
        server_keys.confirm_key(alice.id, server="IC77", key=key, by=ADMIN, at=NOW)

    both = outcomes(confirm, lambda: refuse(alice))
    is_refused = key_of(alice, "IC77").state == KeyState.REFUSED
    told = "key-refused" if is_refused else "decided-already"
    assert both == sorted(["done", told])
    assert states(alice) == [FileState.HELD if is_refused else FileState.ACCEPTED]


# Staff decide about the files


def accept(company: Company, file: UsageFile) -> UsageFile:
    return decide.accept_signature(
        company.id, file_id=file.pk, by=CLERK, at=NOW, reason=WHY
    )


def refuse_file(company: Company, file: UsageFile) -> UsageFile:
    return decide.refuse(company.id, file_id=file.pk, by=CLERK, at=NOW, reason=WHY)


def test_a_file_of_an_ended_key_is_accepted_by_decision(alice: Company) -> None:
    revoke(alice)
    held = send(alice, alice.server, at=NOW)
    file = accept(alice, held)
    assert file.state == FileState.ACCEPTED
    assert "in spite of its key" in describe(file.problems[0])["advice"]
    assert entry(alice, "signature-accepted").details["reason"] == WHY
    with pytest.raises(Refused, match="decided-already"):
        accept(alice, file)


def test_a_file_that_waits_for_an_admin_is_not_accepted_in_spite_of_its_key(
    alice: Company,
) -> None:
    held = send(alice, alice.writer("IC77"), at=NOW)
    with pytest.raises(Refused, match="decided-already"):
        accept(alice, held)


def test_an_accepted_file_is_refused_only_once_its_key_is_revoked(
    alice: Company,
) -> None:
    file = send(alice, alice.server, at=NOW - HOUR)
    with pytest.raises(Refused, match="decided-already"):
        refuse_file(alice, file)
    revoke(alice, since=NOW - 2 * HOUR)
    assert refuse_file(alice, file).state == FileState.REFUSED
    # Taken back, it waits for a decision like every other file received since.
    again = decide.reopen(
        alice.id, file_id=file.pk, by=CLERK, at=NOW, reason="It was theirs."
    )
    assert (again.state, holding(again.problems)) == (
        FileState.HELD,
        [SIGNER_REVOKED],
    )


# What it does to the calendar


def cell(company: Company, server: str = "IC01") -> CellState:
    with unit_of_work.acting_for(company.id, reading=True):
        calendar = view_period(Period.containing(DAY), at=NOW).judgement.calendar
    return calendar.cells[server, DAY].state


def test_a_day_whose_file_is_held_for_an_ended_key_waits_for_the_billing_team(
    alice: Company,
) -> None:
    send(alice, alice.writer("IC77"), at=NOW)
    refuse(alice)
    revoke(alice)
    send(alice, alice.server, at=NOW)
    assert cell(alice) is cell(alice, "IC77") is CellState.WITH_US
    with unit_of_work.acting_for(alice.id, reading=True):
        found = waiting.waiting_files([alice.id], DAY, DAY)[alice.id]
    summed = waiting.sum_up(found, waiting=())
    assert (summed.held, summed.to_confirm) == (2, {})


def test_days_of_files_that_were_accepted_before_stay_received(alice: Company) -> None:
    send(alice, alice.server, at=NOW - HOUR)
    assert cell(alice) is CellState.RECEIVED
    revoke(alice, since=NOW - 2 * HOUR)
    assert cell(alice) is CellState.RECEIVED


# What the database refuses, and what the invariants find


def test_no_role_brings_an_ended_key_back(alice: Company) -> None:
    revoke(alice)
    for who in (alice.id, unit_of_work.STAFF):
        with unit_of_work.acting_for(who):
            back = {"state": KeyState.CONFIRMED, "ended_at": None, "revoked_from": None}
            assert ServerKey.objects.update(**back, ended_by="", end_reason="") == 0
    assert key_of(alice).state == KeyState.REVOKED


@pytest.mark.parametrize(
    "values",
    [
        {"state": "revoked"},
        {"state": "refused", "ended_at": NOW, "ended_by": "x", "end_reason": "x"},
        {"revoked_from": NOW},
        {"ended_at": NOW, "ended_by": "x", "end_reason": "x"},
        {
            "state": "revoked",
            "revoked_from": NOW,
            "ended_at": NOW,
            "ended_by": "x",
            "end_reason": "",
        },
        {
            "state": "revoked",
            "revoked_from": NOW + HOUR,
            "ended_at": NOW,
            "ended_by": "x",
            "end_reason": "x",
        },
    ],
)
def test_the_database_refuses_a_key_that_contradicts_itself(
    alice: Company, values: dict[str, Any]
) -> None:
    with (
        pytest.raises(IntegrityError),
        unit_of_work.acting_for(alice.id),
        transaction.atomic(),
    ):
        ServerKey.objects.update(**values)


def found(company: Company) -> list[str]:
    scope = InvariantScope(company.id, NOW)
    checks = [one.check(scope) for one in invariants_of_keys.INVARIANTS]
    return [finding.text for check in checks for finding in check]


def test_a_file_accepted_by_itself_after_its_key_was_revoked_is_found(
    alice: Company,
) -> None:
    send(alice, alice.server, at=NOW - HOUR)
    revoke(alice, since=NOW - 2 * HOUR)
    later = send(alice, alice.server, day=date(2026, 5, 8), at=NOW)
    accept(alice, later)
    assert found(alice) == []
    with connections["owner"].cursor() as cursor:
        cursor.execute("update usage_usagefile set is_signer_accepted = false")
        assert found(alice) == ["is accepted, and its key was revoked before"]
        cursor.execute("delete from portal_auditentry where act = 'server-key-revoked'")
        assert found(alice) == ["is revoked without an audit entry"]
        cursor.execute(
            "update usage_sealingkey set retired_at = now(), retired_by = 'x',"
            " retire_reason = 'x'"
        )
    assert "has no sealing key: all are retired" in found(alice)


def test_a_file_whose_number_a_refused_file_had_is_judged_anew(alice: Company) -> None:
    forged = send(alice, alice.server, at=NOW - HOUR)
    revoke(alice, since=NOW - 2 * HOUR)
    genuine = alice.registered("IC01")
    genuine.series = alice.server.series
    assert send(alice, genuine, at=NOW).state == FileState.HELD
    refuse_file(alice, forged)
    judge_pending.judge_pending(at=NOW)
    assert sorted(states(alice)) == [FileState.ACCEPTED, FileState.REFUSED]
