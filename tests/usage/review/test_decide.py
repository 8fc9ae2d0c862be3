"""Staff decide about held files, and everything that depends on it follows."""

import hashlib
import json
from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from threading import Barrier, Thread
from typing import Any
from uuid import uuid4

import pytest
from django.db import IntegrityError, connection

from billing.coverage.cells import CellState
from billing.coverage.periods import Period
from billing.periods.queries import view_period
from portal.audit import log as audit_log
from portal.db import unit_of_work
from portal.errors import Refused
from portal.jobs.queue import JobState
from portal.models import AuditEntry
from tests.builders import NOW, Company, Writer, digest_header
from usage.files.problems import SEQUENCE_TAKEN, describe, holding
from usage.files.schemas import file_out
from usage.forwarding import forward
from usage.forwarding import queue as forward_queue
from usage.models import FileState, Forwarding, UsageFile
from usage.review import decide
from usage.review import queries as review_queries
from usage.servers import keys as server_keys
from usage.storage import archive, s3_client
from usage.uploads import judge
from usage.usg import Code, fingerprint

DAY = date(2026, 5, 7)
CLERK = "clerk@vendor.example"
WHY = "The customer told us on the telephone."


def of_a_wrong_clock(writer: Writer, day: date = DAY) -> bytes:
    """A file whose server believes it is the next century."""
    opened = datetime(2126, 5, 7, tzinfo=UTC)
    return writer.day(day, opened_at=opened, closed_at=opened + timedelta(days=1))


def assign(company: Company, file: UsageFile, day: date = DAY) -> UsageFile:
    return decide.assign_day(
        company.id, file_id=file.pk, day=day, by=CLERK, at=NOW, reason=WHY
    )


def refuse(company: Company, file: UsageFile) -> UsageFile:
    return decide.refuse(company.id, file_id=file.pk, by=CLERK, at=NOW, reason=WHY)


def reopen(company: Company, file: UsageFile) -> UsageFile:
    return decide.reopen(company.id, file_id=file.pk, by=CLERK, at=NOW, reason=WHY)


def choose(company: Company, chosen: UsageFile, *others: UsageFile) -> UsageFile:
    return decide.choose(
        company.id,
        file_id=chosen.pk,
        seen={one.pk for one in (chosen, *others)},
        by=CLERK,
        at=NOW,
        reason=WHY,
    )


def conflict(company: Company) -> tuple[UsageFile, UsageFile]:
    """Two files with one number, as after restoring a snapshot; the first counts."""
    writer = company.server
    first, _ = company.send(writer.day(DAY), name="first.usg")
    writer.sequence -= 1
    writer.previous = None
    second, _ = company.send(writer.day(DAY, zone="UTC"), name="second.usg")
    assert (first.state, second.state) == (FileState.ACCEPTED, FileState.HELD)
    return first, second


def state_of(company: Company, file: UsageFile) -> str:
    with unit_of_work.acting_for(company.id, reading=True):
        return UsageFile.objects.get(pk=file.pk).state


def cell(company: Company, day: date = DAY, server: str = "IC01") -> CellState:
    with unit_of_work.acting_for(company.id, reading=True):
        calendar = view_period(Period.containing(day), at=NOW).judgement.calendar
    return calendar.cells[server, day].state


def acts(company: Company) -> list[str]:
    with unit_of_work.acting_for(company.id, reading=True):
        assert audit_log.first_break(tenant_id=company.id) is None
        return [one.act for one in AuditEntry.objects.order_by("number")]


# A day is assigned


def test_a_file_of_a_wrong_clock_counts_for_the_day_it_is_assigned(
    alice: Company,
) -> None:
    held, _ = alice.send(of_a_wrong_clock(alice.server))
    assert held.state == FileState.HELD
    other = DAY + timedelta(days=1)
    file = assign(alice, held, other)
    assert file.state == FileState.ACCEPTED
    assert file.day == file.assigned_day == other
    assert (file.decided_by, file.decision_reason) == (CLERK, WHY)
    assert cell(alice, other) in (CellState.PARTIAL, CellState.RECEIVED)
    assert acts(alice)[-2:] == ["day-assigned", "file-accepted"]


def test_what_was_decided_is_told_and_holds_no_longer(alice: Company) -> None:
    held, _ = alice.send(of_a_wrong_clock(alice.server))
    file = assign(alice, held)
    assert holding(held.problems)
    assert holding(file.problems) == []
    assert {describe(row)["severity"] for row in file.problems} == {"warn"}
    assert "assigned" in describe(file.problems[0])["advice"]


def test_the_entry_says_who_why_and_what_the_file_said(alice: Company) -> None:
    held, _ = alice.send(of_a_wrong_clock(alice.server))
    assign(alice, held, DAY + timedelta(days=1))
    with unit_of_work.acting_for(alice.id, reading=True):
        entry = AuditEntry.objects.get(act="day-assigned")
    assert entry.actor == CLERK
    assert entry.details["reason"] == WHY
    assert (entry.details["said"], entry.details["day"]) == ("2026-05-07", "2026-05-08")


def test_the_order_of_two_decisions_does_not_matter(
    alice: Company, charlie: Company
) -> None:
    results = []
    for company, is_day_first in ((alice, True), (charlie, False)):
        writer = company.writer("IC02")
        held, _ = company.send(of_a_wrong_clock(writer))

        def trust(company: Company = company, writer: Writer = writer) -> None:
            key = fingerprint(writer.pair.public)
            server_keys.confirm_key(
                company.id, server="IC02", key=key, by=CLERK, at=NOW, reason=WHY
            )

        if is_day_first:
            assert assign(company, held).state == FileState.HELD
            trust()
        else:
            trust()
            assert state_of(company, held) == FileState.HELD
            assign(company, held)
        with unit_of_work.acting_for(company.id, reading=True):
            file = UsageFile.objects.get(pk=held.pk)
        results.append((file.state, file.day, file.problems))
    assert results[0] == results[1]
    assert results[0][0] == FileState.ACCEPTED


def test_a_day_is_assigned_once(alice: Company) -> None:
    writer = alice.writer("IC02")
    held, _ = alice.send(of_a_wrong_clock(writer))
    assign(alice, held)
    with pytest.raises(Refused, match="decided-already"):
        assign(alice, held, DAY + timedelta(days=1))


@pytest.mark.parametrize("day", [date(2026, 5, 22), date(2016, 5, 1), date(9999, 1, 1)])
def test_a_day_that_cannot_be_meant_is_refused(alice: Company, day: date) -> None:
    held, _ = alice.send(of_a_wrong_clock(alice.server))
    with pytest.raises(Refused, match="day-implausible"):
        assign(alice, held, day)
    assert state_of(alice, held) == FileState.HELD


def test_a_file_that_waits_for_its_key_alone_has_no_day_to_assign(
    alice: Company,
) -> None:
    held, _ = alice.send(alice.writer("IC02").day(DAY))
    with pytest.raises(Refused, match="decided-already"):
        assign(alice, held)


# A file is refused


def test_a_refused_file_keeps_its_row_and_its_bytes(alice: Company) -> None:
    data = of_a_wrong_clock(alice.server)
    held, _ = alice.send(data)
    assert refuse(alice, held).state == FileState.REFUSED
    again, is_new = alice.send(data)
    assert (again.pk, is_new) == (held.pk, False)
    assert again.state == FileState.REFUSED
    assert again.stored_as == held.stored_as != ""
    assert acts(alice)[-1] == "file-refused"


def test_a_refused_file_is_already_here_for_whoever_sends_it_again(
    alice: Company, api: Callable[..., Any]
) -> None:
    data = of_a_wrong_clock(alice.server)
    held, _ = alice.send(data)
    refuse(alice, held)
    answer = api(
        "PUT",
        "/files/again.usg",
        token=alice.token,
        data=data,
        content_type="application/octet-stream",
        headers=digest_header(data),
    )
    body = answer.json()
    assert (answer.status_code, body["verdict"]) == (200, "already here")
    assert body["file"]["state"] == "refused"
    assert body["file"]["decision_reason"] == WHY
    digest = bytes(held.sha256).hex()
    asked = {"files": [{"size": len(data), "sha256": digest}]}
    answer = api(
        "POST",
        "/files/check",
        token=alice.token,
        data=json.dumps(asked),
        content_type="application/json",
    )
    assert answer.json()["files"][0]["is_needed"] is False


def test_a_day_that_waited_for_us_is_missing_after_a_refusal(alice: Company) -> None:
    held, _ = alice.send(alice.writer("IC02").day(DAY))
    assert cell(alice, server="IC02") == CellState.WITH_US
    refuse(alice, held)
    assert cell(alice, server="IC02") == CellState.MISSING


def test_a_refusal_can_be_taken_back(alice: Company) -> None:
    held, _ = alice.send(of_a_wrong_clock(alice.server))
    refuse(alice, held)
    with pytest.raises(Refused, match="decided-already"):
        refuse(alice, held)
    assert reopen(alice, held).state == FileState.HELD
    assert assign(alice, held).state == FileState.ACCEPTED
    with pytest.raises(Refused, match="decided-already"):
        reopen(alice, held)


def test_what_is_refused_is_judged_by_no_sweep_and_no_key(alice: Company) -> None:
    writer = alice.writer("IC02")
    held, _ = alice.send(writer.day(DAY))
    refuse(alice, held)
    key = fingerprint(writer.pair.public)
    server_keys.confirm_key(alice.id, server="IC02", key=key, by=CLERK, at=NOW)
    judge.judge_file(alice.id, held.pk, at=NOW)
    assert state_of(alice, held) == FileState.REFUSED


@pytest.mark.parametrize("reason", ["", "  \n", "\0"])
def test_a_decision_needs_a_reason(alice: Company, reason: str) -> None:
    held, _ = alice.send(of_a_wrong_clock(alice.server))
    with pytest.raises(Refused, match="reason-needed"):
        decide.refuse(alice.id, file_id=held.pk, by=CLERK, at=NOW, reason=reason)
    assert state_of(alice, held) == FileState.HELD


def test_the_database_refuses_a_refusal_without_a_reason(alice: Company) -> None:
    held, _ = alice.send(of_a_wrong_clock(alice.server))
    with pytest.raises(IntegrityError, match="refused_for_a_reason"):  # noqa: SIM117 - the unit ends inside
        with unit_of_work.acting_for(alice.id):
            UsageFile.objects.filter(pk=held.pk).update(state=FileState.REFUSED)


def test_a_file_of_another_tenant_is_not_found(
    alice: Company, charlie: Company
) -> None:
    held, _ = alice.send(of_a_wrong_clock(alice.server))
    for act in (assign, refuse, reopen, choose):
        with pytest.raises(Refused, match="not-found"):
            act(charlie, held)
    assert state_of(alice, held) == FileState.HELD


# One of two counts


def test_the_first_is_kept_and_the_second_refused(alice: Company) -> None:
    first, second = conflict(alice)
    assert choose(alice, first, second).state == FileState.ACCEPTED
    assert state_of(alice, second) == FileState.REFUSED
    assert acts(alice)[-2:] == ["file-refused", "conflict-decided"]
    with unit_of_work.acting_for(alice.id, reading=True):
        assert [row.file_id for row in Forwarding.objects.all()] == [first.pk]


def test_the_second_takes_the_place_of_the_first(alice: Company) -> None:
    first, second = conflict(alice)
    chosen = choose(alice, second, first)
    assert chosen.state == FileState.ACCEPTED
    assert holding(chosen.problems) == []
    assert state_of(alice, first) == FileState.REFUSED
    assert cell(alice) == CellState.RECEIVED
    assert acts(alice)[-3:] == ["file-refused", "file-accepted", "conflict-decided"]


def test_what_has_not_gone_yet_does_not_go_any_more(alice: Company) -> None:
    first, second = conflict(alice)
    choose(alice, second, first)
    with unit_of_work.acting_for(alice.id, reading=True):
        rows = {row.file_id: row for row in Forwarding.objects.all()}
    withdrawn, waiting = rows[first.pk], rows[second.pk]
    assert (withdrawn.state, withdrawn.problem) == (
        JobState.FAILED,
        forward_queue.SUPERSEDED,
    )
    assert waiting.state == JobState.WAITING
    assert waiting.key != withdrawn.key


def test_what_is_in_s3_stays_there_and_is_not_safe_to_delete(
    alice: Company,
) -> None:
    s3_client.client.cache_clear()
    archive.prepare()
    first, second = conflict(alice)
    forward.forward_waiting(now=lambda: NOW)
    choose(alice, second, first)
    with unit_of_work.acting_for(alice.id, reading=True):
        file = UsageFile.objects.select_related("server", "forwarding").get(pk=first.pk)
    assert file.forwarding.state == JobState.DONE
    shown = file_out(file)
    assert shown.confirmed_at == NOW
    assert not shown.is_safe_to_delete


def test_a_choice_can_be_turned_round(alice: Company) -> None:
    first, second = conflict(alice)
    choose(alice, second, first)
    assert reopen(alice, first).state == FileState.HELD
    choose(alice, first, second)
    assert state_of(alice, second) == FileState.REFUSED
    with unit_of_work.acting_for(alice.id, reading=True):
        rows = {row.file_id: row for row in Forwarding.objects.all()}
    assert rows[first.pk].state == JobState.WAITING
    assert rows[first.pk].problem == ""
    assert rows[second.pk].state == JobState.FAILED


def test_a_choice_among_other_files_than_were_shown_is_not_made(
    alice: Company,
) -> None:
    first, second = conflict(alice)
    alice.server.sequence -= 1
    third, _ = alice.send(alice.server.day(DAY, zone="Europe/Vienna"))
    assert third.state == FileState.HELD
    for chosen, seen in ((first, second), (second, first)):
        with pytest.raises(Refused, match="decided-already"):
            choose(alice, chosen, seen)
    choose(alice, third, first, second)
    assert [state_of(alice, one) for one in (first, second, third)] == [
        FileState.REFUSED,
        FileState.REFUSED,
        FileState.ACCEPTED,
    ]


def test_a_file_without_a_rival_is_no_choice(alice: Company) -> None:
    file, _ = alice.send(alice.server.day(DAY))
    with pytest.raises(Refused, match="decided-already"):
        choose(alice, file)


def test_a_choice_that_waits_for_more_changes_nothing(alice: Company) -> None:
    first, _ = alice.send(alice.server.day(DAY))
    stranger = alice.writer("IC01", series=alice.server.series)
    second, _ = alice.send(stranger.day(DAY))
    assert {Code.SIGNER_UNKNOWN, SEQUENCE_TAKEN} <= set(holding(second.problems))
    before = acts(alice)
    with pytest.raises(Refused, match="waits-for-more"):
        choose(alice, second, first)
    assert state_of(alice, first) == FileState.ACCEPTED
    assert state_of(alice, second) == FileState.HELD
    assert acts(alice) == before


def test_later_files_propose_which_one_counts(alice: Company) -> None:
    first, second = conflict(alice)
    alice.server.previous = bytes(second.sha256)
    third, _ = alice.send(alice.server.day(DAY + timedelta(days=1)))
    with unit_of_work.acting_for(alice.id, reading=True):
        rivals = review_queries.rivals(second)
        successors = review_queries.successors(rivals)
    assert [one.pk for one in rivals] == [first.pk, second.pk]
    assert {key: one.pk for key, one in successors.items()} == {
        bytes(second.sha256): third.pk
    }
    assert cell(alice) == CellState.WITH_US
    choose(alice, second, first)
    assert cell(alice) == CellState.RECEIVED


# At once


def at_once(*what: Callable[[], object]) -> list[object]:
    """Do things in as many threads, and return what came of each."""
    start = Barrier(len(what))
    results: list[object] = [None] * len(what)

    def run(number: int, act: Callable[[], object]) -> None:
        start.wait()
        try:
            results[number] = act()
        except Refused as refusal:
            results[number] = refusal.code
        finally:
            connection.close()

    threads = [Thread(target=run, args=pair) for pair in enumerate(what)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return results


def test_of_two_clerks_at_once_one_decides_and_the_other_is_told(
    alice: Company,
) -> None:
    first, second = conflict(alice)
    results = at_once(
        lambda: choose(alice, first, second), lambda: choose(alice, second, first)
    )
    assert results.count("decided-already") == 1
    states = sorted(state_of(alice, one) for one in (first, second))
    assert states == [FileState.ACCEPTED, FileState.REFUSED]
    assert acts(alice).count("conflict-decided") == 1


def test_a_day_and_a_refusal_at_once_are_one_decision(alice: Company) -> None:
    held, _ = alice.send(of_a_wrong_clock(alice.server))
    results = at_once(lambda: assign(alice, held), lambda: refuse(alice, held))
    assert results.count("decided-already") == 1


def test_a_file_that_comes_while_another_is_chosen_is_held_or_shown(
    alice: Company,
) -> None:
    first, second = conflict(alice)
    alice.server.sequence -= 1
    third = alice.server.day(DAY, zone="Europe/Vienna")
    at_once(lambda: choose(alice, second, first), lambda: alice.send(third))
    with unit_of_work.acting_for(alice.id, reading=True):
        states = [one.state for one in UsageFile.objects.filter(sequence=1)]
    assert states.count(FileState.ACCEPTED) == 1
    digest = hashlib.sha256(third).digest()
    with unit_of_work.acting_for(alice.id, reading=True):
        assert UsageFile.objects.get(sha256=digest).state == FileState.HELD


def test_no_such_file(alice: Company) -> None:
    with pytest.raises(Refused, match="not-found"):
        decide.refuse(alice.id, file_id=uuid4(), by=CLERK, at=NOW, reason=WHY)
