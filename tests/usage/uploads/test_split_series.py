"""Both histories of a restored machine count, when staff decide so."""

import hashlib
from datetime import date, timedelta
from itertools import permutations

import pytest

from billing.coverage.cells import CellState
from billing.coverage.periods import Period
from billing.periods.queries import view_period
from portal.audit import log as audit_log
from portal.db import unit_of_work
from portal.errors import Refused
from portal.models import AuditEntry
from tests.builders import NOW, Company, Writer
from usage.models import FileState, UsageFile
from usage.review import decide
from usage.uploads import judge, judge_pending

DAY = date(2026, 5, 7)
CLERK = "clerk@vendor.example"
WHY = "The virtual machine was put back."


def day(number: int) -> date:
    return DAY + timedelta(days=number)


def put_back(writer: Writer, *, to: bytes | None, number: int) -> None:
    """Let a server go on from an earlier state: after the file `to`, of that number."""
    writer.sequence = number
    writer.previous = hashlib.sha256(to).digest() if to else None


def two_histories(company: Company) -> tuple[list[bytes], list[bytes]]:
    """Three files; then back to after the first, and four others from there on."""
    writer = company.server
    first = writer.days(DAY, day(2))
    put_back(writer, to=first[0], number=1)
    # Written a day later each, so that no two have the same content.
    return first, writer.days(day(3), day(6))


def keep_both(company: Company, file: UsageFile) -> UsageFile:
    with unit_of_work.acting_for(company.id, reading=True):
        rivals = UsageFile.objects.filter(series=file.series, sequence=file.sequence)
        seen = set(rivals.values_list("pk", flat=True))
    return decide.keep_both(
        company.id, file_id=file.pk, seen=seen, by=CLERK, at=NOW, reason=WHY
    )


def judge_pending_files() -> None:
    while judge_pending.judge_pending(at=NOW + timedelta(minutes=5)):
        pass


def places(company: Company) -> list[tuple[date | None, str, int | None, int | None]]:
    found = [
        (file.day, file.state, file.sequence, file.said_sequence)
        for file in company.files()
    ]
    return sorted(found, key=lambda one: str(one[0]))


def cells(company: Company) -> dict[date, CellState]:
    with unit_of_work.acting_for(company.id, reading=True):
        calendar = view_period(Period.containing(DAY), at=NOW).judgement.calendar
    return {day: cell.state for (_, day), cell in calendar.cells.items()}


BOTH = [
    (day(0), "accepted", 1, None),
    (day(1), "accepted", 2, None),
    (day(2), "accepted", 3, None),
    (day(3), "accepted", 1, 2),
    (day(4), "accepted", 2, 3),
    (day(5), "accepted", 3, 4),
    (day(6), "accepted", 4, 5),
]


def test_the_held_file_and_all_that_follows_it_count_as_a_chain(alice: Company) -> None:
    old, new = two_histories(alice)
    sent = [alice.send(data)[0] for data in (*old, *new)]
    states = [file.state for file in sent]
    assert states == ["accepted"] * 3 + ["held"] * 2 + ["accepted"] * 2
    file = keep_both(alice, sent[3])
    assert (file.state, file.sequence, file.said_sequence) == ("accepted", 1, 2)
    judge_pending_files()
    assert places(alice) == BOTH
    assert len({file.series for file in alice.files()}) == 2
    found = cells(alice)
    assert {found[day(number)] for number in range(7)} == {CellState.RECEIVED}
    with unit_of_work.acting_for(alice.id, reading=True):
        assert audit_log.first_break(tenant_id=alice.id) is None
        entry = AuditEntry.objects.get(act="chain-begun")
    assert (entry.actor, entry.details["reason"]) == (CLERK, WHY)
    assert entry.details["sequence"] == 2


@pytest.mark.parametrize("order", list(permutations(range(3))))
def test_what_comes_later_follows_in_whatever_order(
    alice: Company, order: tuple[int, ...]
) -> None:
    old, new = two_histories(alice)
    for data in old:
        alice.send(data)
    held, _ = alice.send(new[0])
    keep_both(alice, held)
    for number in order:
        alice.send(new[1 + number])
    judge_pending_files()
    assert places(alice) == BOTH


def test_the_first_history_may_come_last(alice: Company) -> None:
    old, new = two_histories(alice)
    alice.send(old[0])
    for data in new:
        alice.send(data)
    held = [alice.send(data)[0] for data in old[1:]]
    assert {file.state for file in held} == {FileState.HELD}
    keep_both(alice, held[0])
    judge_pending_files()
    # Now the files that came first stand in the series, the others beside it.
    moved = {file.day: file.said_sequence for file in alice.files()}
    assert (moved[day(1)], moved[day(2)], moved[day(3)]) == (2, 3, None)
    assert {file.state for file in alice.files()} == {FileState.ACCEPTED}
    assert {cells(alice)[day(number)] for number in range(7)} == {CellState.RECEIVED}


def test_who_waits_for_a_number_that_was_left_is_judged_again(alice: Company) -> None:
    old, new = two_histories(alice)
    for data in (*old[:2], *new[:3]):
        alice.send(data)
    # Number 3 counts for the second history until that is known to be one.
    waiting, _ = alice.send(old[2])
    assert waiting.state == FileState.HELD
    with unit_of_work.acting_for(alice.id, reading=True):
        held = UsageFile.objects.get(day=day(3))
    keep_both(alice, held)
    judge_pending_files()
    assert {file.state for file in alice.files()} == {FileState.ACCEPTED}


def test_what_was_moved_stays_where_it_is_when_it_is_judged_again(
    alice: Company,
) -> None:
    old, new = two_histories(alice)
    sent = [alice.send(data)[0] for data in (*old, new[0])]
    keep_both(alice, sent[3])
    with unit_of_work.acting_for(alice.id):
        UsageFile.objects.filter(pk=sent[3].pk).update(state=FileState.HELD)
    judge.judge_file(alice.id, sent[3].pk, at=NOW)
    assert places(alice) == BOTH[:4]


def test_both_are_kept_by_a_decision_with_a_reason_about_what_was_seen(
    alice: Company, charlie: Company
) -> None:
    old, new = two_histories(alice)
    sent = [alice.send(data)[0] for data in (*old, new[0])]
    held, rival = sent[3], sent[1]
    decision = {"file_id": held.pk, "by": CLERK, "at": NOW}
    both = {held.pk, rival.pk}
    for company, seen, reason, code in (
        (alice, both, " ", "reason-needed"),
        (alice, {held.pk}, WHY, "decided-already"),
        (charlie, both, WHY, "not-found"),
    ):
        with pytest.raises(Refused) as refusal:
            decide.keep_both(company.id, **decision, seen=seen, reason=reason)  # type: ignore[arg-type]  # one mapping for all
        assert refusal.value.code == code
    with pytest.raises(Refused, match="decided-already"):
        decide.keep_both(
            alice.id, file_id=rival.pk, seen=both, by=CLERK, at=NOW, reason=WHY
        )
    keep_both(alice, held)
    with pytest.raises(Refused, match="decided-already"):
        decide.keep_both(alice.id, **decision, seen=both, reason=WHY)  # type: ignore[arg-type]  # the same
