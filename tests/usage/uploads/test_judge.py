"""A file is judged, and everything that depends on the verdict changes with it."""

from datetime import date, datetime, timedelta
from pathlib import Path
from uuid import UUID

import pytest

from portal.db import unit_of_work
from portal.errors import Unavailable
from portal.models import AuditEntry
from tests.builders import NOW, Company
from usage import tenant_keys
from usage.models import (
    FileState,
    Forwarding,
    KeyState,
    Server,
    ServerKey,
    Settling,
    UsageFile,
)
from usage.servers import keys as server_keys
from usage.storage import store
from usage.uploads import judge as upload_judge
from usage.uploads import judge_pending
from usage.usg import Code, fingerprint

DAY = date(2026, 5, 7)


def codes(file: UsageFile) -> list[str]:
    return [row["code"] for row in file.problems]


def test_a_genuine_file_is_accepted_and_says_what_it_holds(alice: Company) -> None:
    file, is_new = alice.send(alice.server.day(DAY), name="IC01_0507.usg")
    assert is_new
    assert file.state == FileState.ACCEPTED
    assert file.server is not None
    assert (file.server.name, file.day, file.sequence) == ("IC01", DAY, 1)
    assert (file.logins, file.users) == (1, 1)
    assert file.settled_at == NOW
    assert file.problems == []


def test_acceptance_comes_with_a_forward_row_and_an_audit_entry(
    alice: Company,
) -> None:
    file, _ = alice.send(alice.server.day(DAY))
    with unit_of_work.acting_for(alice.id):
        row = Forwarding.objects.get()
        entry = AuditEntry.objects.get(act="file-accepted")
    digest = bytes(file.sha256).hex()
    assert row.file_id == file.pk
    for part in (alice.number, "IC01", "2026-05-07", "-1-", digest):
        assert part in row.key
    assert entry.subject == str(file.pk)
    assert entry.details["sha256"] == digest


def test_a_rejected_file_leaves_a_row_and_no_bytes(
    alice: Company, tmp_path: Path
) -> None:
    data = alice.server.day(DAY)
    file, _ = alice.send(data[:-1])
    assert file.state == FileState.REJECTED
    assert codes(file) == [Code.LENGTH_SHORT]
    assert (file.name, file.size, file.sent_by) == ("day.usg", len(data) - 1, "test")
    assert file.stored_as == ""
    assert [path for path in tmp_path.rglob("*.usg") if path.is_file()] == []


def test_a_rejected_file_is_judged_afresh_when_it_comes_again(
    alice: Company, charlie: Company
) -> None:
    # Rejected for a key that is not Alice's; then it becomes hers.
    writer = alice.writer("IC01", pair=alice.server.pair)
    writer.sealing_public = charlie.sealing_public
    data = writer.day(DAY)
    first, _ = alice.send(data)
    again, is_new = alice.send(data)
    assert first.state == again.state == FileState.REJECTED
    assert is_new
    assert again.pk != first.pk


def test_of_rejected_files_the_newest_rows_are_kept(
    alice: Company, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(upload_judge, "REJECTED_ROWS", 3)
    kept, _ = alice.send(alice.server.day(DAY))
    for number in range(5):
        alice.send(b"rubbish %d" % number, at=NOW + timedelta(seconds=number))
    rejected = [file for file in alice.files() if file.state == FileState.REJECTED]
    assert sorted(file.received_at.second for file in rejected) == [2, 3, 4]
    assert kept in alice.files()
    with unit_of_work.acting_for(alice.id, reading=True):
        assert Settling.objects.count() == len(rejected) + 1


def test_a_verdict_that_went_with_its_row_is_asked_for_again(
    alice: Company, monkeypatch: pytest.MonkeyPatch
) -> None:
    judge = upload_judge.judge_file

    def beaten(tenant_id: int, file_id: UUID, *, at: datetime) -> UsageFile | None:
        judge(tenant_id, file_id, at=at)
        with unit_of_work.acting_for(tenant_id):
            UsageFile.objects.filter(pk=file_id).delete()
        return judge(tenant_id, file_id, at=at)

    monkeypatch.setattr(upload_judge, "judge_file", beaten)
    with pytest.raises(Unavailable) as refusal:
        alice.send(b"rubbish")
    assert refusal.value.code == "busy"


def test_an_unknown_server_is_held_and_judged_by_confirming_its_key(
    alice: Company,
) -> None:
    stranger = alice.writer("IC77")
    held = [alice.send(data)[0] for data in stranger.days(DAY, DAY + timedelta(days=2))]
    assert {file.state for file in held} == {FileState.HELD}
    assert codes(held[0]) == [Code.SIGNER_UNKNOWN]
    with unit_of_work.acting_for(alice.id):
        assert ServerKey.objects.get(server__name="IC77").state == KeyState.PROPOSED
        assert not Forwarding.objects.exists()
    server_keys.confirm_key(
        alice.id,
        server="ic77",
        key=fingerprint(stranger.pair.public),
        by="admin",
        at=NOW + timedelta(hours=1),
    )
    judged = alice.files()
    assert {file.state for file in judged} == {FileState.ACCEPTED}
    # Acceptance keeps the time of receipt.
    assert {file.received_at for file in judged} == {NOW}
    with unit_of_work.acting_for(alice.id):
        assert Forwarding.objects.count() == 3
        confirmed = ServerKey.objects.get(server__name="IC77")
    assert (confirmed.state, confirmed.decided_by) == (KeyState.CONFIRMED, "admin")


def test_confirming_twice_changes_nothing(alice: Company) -> None:
    key = fingerprint(alice.server.pair.public)
    server_keys.confirm_key(alice.id, server="IC01", key=key, by="two", at=NOW)
    with unit_of_work.acting_for(alice.id):
        assert ServerKey.objects.get().decided_by == "test"


def test_a_trusted_key_of_another_server_is_not_trusted(alice: Company) -> None:
    impostor = alice.writer("IC02", pair=alice.server.pair)
    file, _ = alice.send(impostor.day(DAY))
    assert file.state == FileState.HELD


def test_a_server_is_one_server_whatever_the_case_of_its_name(alice: Company) -> None:
    file, _ = alice.send(alice.writer("ic01", pair=alice.server.pair).day(DAY))
    assert file.state == FileState.ACCEPTED
    with unit_of_work.acting_for(alice.id):
        assert Server.objects.count() == 1


def test_the_first_of_two_files_with_one_number_counts(alice: Company) -> None:
    first = alice.server.day(DAY)
    alice.server.sequence, alice.server.previous = 0, None
    second = alice.server.day(DAY)
    alice.send(first, name="first.usg")
    file, _ = alice.send(second, name="second.usg")
    assert file.state == FileState.HELD
    assert codes(file) == ["sequence-taken"]
    assert file.problems[0]["params"]["other"] == "first.usg"


def test_a_clock_ahead_is_held_not_rejected(alice: Company) -> None:
    file, _ = alice.send(alice.server.day(DAY + timedelta(days=60)))
    assert file.state == FileState.HELD
    assert Code.CLOCK_AHEAD in codes(file)


def test_the_same_file_again_is_already_here(alice: Company) -> None:
    data = alice.server.day(DAY)
    first, _ = alice.send(data, name="one.usg")
    again, is_new = alice.send(data, name="two.usg")
    assert not is_new
    assert again.pk == first.pk
    assert again.name == "one.usg"


def test_a_file_that_cannot_be_judged_stays_received_and_is_judged_later(
    alice: Company, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def unreachable(*_: object) -> None:
        raise tenant_keys.KeyDoesNotOpenError

    with monkeypatch.context() as patch:
        patch.setattr(tenant_keys, "opening_key", unreachable)
        file, _ = alice.send(alice.server.day(DAY))
    assert file.state == FileState.RECEIVED
    with store.opened(file.stored_as) as data:
        assert len(data) == file.size
    later = NOW + timedelta(minutes=5)
    assert judge_pending.judge_pending(at=later) == 1
    assert alice.files()[0].state == FileState.ACCEPTED
    assert judge_pending.judge_pending(at=later) == 0


def test_a_held_file_is_kept_whatever_a_later_look_finds(
    alice: Company, monkeypatch: pytest.MonkeyPatch
) -> None:
    held, _ = alice.send(alice.writer("IC77").day(DAY))
    monkeypatch.setattr(tenant_keys, "opening_key", lambda *_: None)
    upload_judge.judge_file(alice.id, held.pk, at=NOW)
    (file,) = alice.files()
    assert file.state == FileState.HELD
    assert Code.KEY_UNKNOWN in codes(file)
    with store.opened(file.stored_as) as data:
        assert len(data) == file.size


def test_the_longest_server_name_still_makes_a_key(alice: Company) -> None:
    server = alice.registered("\N{GOTHIC LETTER AHSA}" * 128)
    file, _ = alice.send(server.day(DAY))
    assert file.state == FileState.ACCEPTED
    with unit_of_work.acting_for(alice.id):
        assert len(Forwarding.objects.get().key) < 1024


def test_judging_twice_changes_nothing(alice: Company) -> None:
    file, _ = alice.send(alice.server.day(DAY))
    upload_judge.judge_file(alice.id, file.pk, at=NOW + timedelta(days=1))
    with unit_of_work.acting_for(alice.id):
        assert UsageFile.objects.get().settled_at == NOW
        assert AuditEntry.objects.filter(act="file-accepted").count() == 1
