"""Each invariant holds after real use, and its breach is reported."""

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import date, datetime, timedelta
from io import StringIO
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
from django.core.management import CommandError, call_command
from django.db import connections

from billing.periods import open_periods, refresh
from portal.audit import log as audit_log
from portal.db import unit_of_work
from portal.health import invariants
from portal.health.invariants import CheckCost, ReportedFinding
from tests.builders import NOW, Company
from usage.forwarding import forward
from usage.models import FileState, Forwarding, UsageFile
from usage.review import decide as review_decide
from usage.storage import archive, store
from usage.uploads import read_file

DAY = date(2026, 5, 7)
HOUR = timedelta(hours=1)
SUMMARIES = "roll-ups-are-what-they-would-be"

Ids = dict[str, UUID]


def owner(statement: str, *parameters: Any) -> None:
    """Change what no role of the portal may."""
    with connections["owner"].cursor() as cursor:
        cursor.execute(statement, parameters)


@contextmanager
def without_index(name: str) -> Iterator[None]:
    """Take a constraint away, and with it the reason why the check is not needed."""
    with connections["owner"].cursor() as cursor:
        cursor.execute("select pg_get_indexdef(%s::regclass)", [name])
        made = cursor.fetchone()[0]
        cursor.execute(f"drop index {name}")
        try:
            yield
        finally:
            cursor.execute("delete from usage_settling")
            cursor.execute("delete from usage_forwarding")
            cursor.execute("delete from usage_usagefile")
            cursor.execute(made)


@pytest.fixture
def ids(alice: Company, monkeypatch: pytest.MonkeyPatch) -> Ids:
    """A file in every state, one of them in S3, by the product's own acts."""
    open_periods.open_current_periods(today=NOW.date(), at=NOW)
    archive.prepare()
    unknown = alice.writer("IC99")
    made = {
        "forwarded": alice.send(alice.server.day(DAY))[0].pk,
        "held": alice.send(unknown.day(DAY))[0].pk,
        "refused": alice.send(unknown.day(DAY + timedelta(days=1)))[0].pk,
        "reopened": alice.send(unknown.day(DAY + timedelta(days=2)))[0].pk,
        "rejected": alice.send(b"no usage file")[0].pk,
    }
    for name in ("refused", "reopened"):
        decide = {"by": "clerk", "at": NOW, "reason": "Because."}
        review_decide.refuse(alice.id, file_id=made[name], **decide)  # type: ignore[arg-type]  # as they are named
    review_decide.reopen(
        alice.id, file_id=made["reopened"], by="clerk", at=NOW, reason="Because."
    )
    while forward.forward_waiting(now=lambda: NOW):
        pass
    made["accepted"] = alice.send(alice.server.day(DAY + timedelta(days=1)))[0].pk
    with monkeypatch.context() as patch:
        # The key service is away for a moment.
        patch.setattr(read_file, "read_file", _fail)
        data = alice.server.day(DAY + timedelta(days=2))
        made["received"] = alice.send(data)[0].pk
    return made


def _fail(*_: object) -> Any:
    raise OSError("no key service")


def findings(
    at: datetime = NOW, reads: CheckCost = CheckCost.BUCKET
) -> list[ReportedFinding]:
    tenants = invariants.tenants_to_check()
    return list(invariants.findings(tenants=tenants, reads=reads, at=at))


def broken(at: datetime = NOW) -> set[tuple[str, bool]]:
    """Name the broken invariants; a changed file breaks that of the summaries, too."""
    found = {(one.invariant.name, one.finding.is_breach) for one in findings(at)}
    return found - {(SUMMARIES, True)}


def test_all_of_them_hold_after_real_work(
    alice: Company, charlie: Company, ids: Ids
) -> None:
    states = {file.state for file in alice.files()}
    assert states == set(FileState)
    assert findings() == []


def bytes_of(file_id: UUID) -> str:
    with unit_of_work.acting_for(unit_of_work.STAFF, reading=True):
        return UsageFile.objects.get(pk=file_id).stored_as


def test_bytes_that_are_gone_are_found(ids: Ids) -> None:
    store.remove(bytes_of(ids["held"]))
    assert broken() == {("bytes-are-kept", True)}


def test_bytes_that_have_rotted_are_found(ids: Ids, tmp_path: Path) -> None:
    path = tmp_path / "usage" / bytes_of(ids["held"])
    data = bytearray(path.read_bytes())
    data[-1] ^= 1
    path.write_bytes(data)
    assert broken() == {("bytes-are-kept", True)}


def test_bytes_may_go_once_s3_has_confirmed_them_and_not_before(ids: Ids) -> None:
    for name, found in (("forwarded", set()), ("accepted", {("bytes-are-kept", True)})):
        store.remove(bytes_of(ids[name]))
        owner("update usage_usagefile set stored_as = '' where id = %s", ids[name])
        assert broken() == found


def test_bytes_without_a_file_are_odd_after_a_while(
    alice: Company, ids: Ids, tmp_path: Path
) -> None:
    folder = tmp_path / "usage" / str(alice.id) / "zz"
    folder.mkdir()
    (folder / "stray.usg").write_bytes(b"from a crash")
    soon = datetime.now(NOW.tzinfo)  # as the disk says
    assert not {one for one in findings(soon) if one.invariant.name == "no-stray-bytes"}
    assert ("no-stray-bytes", False) in broken(soon + 2 * HOUR)


def test_a_content_that_is_kept_twice_is_found(ids: Ids) -> None:
    with without_index("a_tenant_keeps_a_content_once"):
        owner(
            "update usage_usagefile set sha256 = (select sha256 from usage_usagefile"
            " where id = %s) where id = %s",
            *(ids["held"], ids["reopened"]),
        )
        assert ("one-file-for-a-content", True) in broken()


def test_a_number_that_is_accepted_twice_is_found(ids: Ids) -> None:
    with without_index("a_sequence_number_is_accepted_once"):
        owner("update usage_usagefile set sequence = 1 where state = 'accepted'")
        assert ("one-file-for-a-number", True) in broken()


@pytest.mark.parametrize(
    ("statement", "name"),
    [
        ("update usage_usagefile set logins = logins + 1", "totals-are"),
        ("update usage_usagefile set users = 0", "totals-are"),
        ("update usage_usagefile set day = day + 1", "totals-are"),
        ("delete from usage_forwarding where file_id", "accepted-files-are-forwarded"),
        (
            "update usage_forwarding set state = 'set-aside', problem = 'superseded',"
            " ended_at = now() where file_id",
            "accepted-files-are-forwarded",
        ),
        (
            "update usage_forwarding set ended_at = now() where file_id",
            "work-agrees-with-itself",
        ),
    ],
)
def test_what_an_accepted_file_must_have_is_missed(
    ids: Ids, statement: str, name: str
) -> None:
    where = "" if "where" in statement else " where id"
    owner(f"{statement}{where} = %s", ids["accepted"])
    [found] = broken()
    assert found[0].startswith(name)
    assert found[1]


def test_a_file_that_does_not_count_and_waits_to_go_is_found(ids: Ids) -> None:
    owner(
        "update usage_forwarding set file_id = %s where file_id = %s",
        *(ids["refused"], ids["accepted"]),
    )
    [first, second] = findings()
    assert {first.invariant.name, second.invariant.name} == {
        "accepted-files-are-forwarded"
    }


def test_a_received_file_that_nothing_would_judge_is_found(ids: Ids) -> None:
    owner(
        "update usage_settling set state = 'done', ended_at = now() where file_id = %s",
        ids["received"],
    )
    assert broken() == {("received-files-wait-to-be-settled", True)}


def test_a_failed_one_waits_for_a_person(ids: Ids) -> None:
    owner(
        "update usage_settling set state = 'set-aside', ended_at = now()"
        " where file_id = %s",
        ids["received"],
    )
    assert broken() == set()


def append(company: Company, file_id: UUID, act: str) -> None:
    with unit_of_work.acting_for(company.id):
        audit_log.append(
            tenant_id=company.id, actor="me", act=act, subject=str(file_id), at=NOW
        )


def test_a_change_that_is_not_listed_is_found(alice: Company, ids: Ids) -> None:
    append(alice, ids["accepted"], "file-held")
    append(alice, ids["accepted"], "file-accepted")
    assert broken() == {("only-listed-changes", True)}


def test_a_change_that_the_trail_does_not_tell_of_is_found(ids: Ids) -> None:
    owner(
        "update usage_usagefile set state = 'refused', decision_reason = 'x'"
        " where id = %s",
        ids["held"],
    )
    assert broken() == {("states-are-in-the-trail", True)}


def test_a_state_of_which_nothing_tells_is_found(ids: Ids) -> None:
    owner(
        "update usage_usagefile set state = 'held', settled_at = now() where id = %s",
        ids["received"],
    )
    assert broken() == {("states-are-in-the-trail", True)}


def test_a_file_that_is_gone_is_found_unless_it_was_rejected(ids: Ids) -> None:
    for name, found in (
        ("rejected", set()),
        ("held", {("states-are-in-the-trail", True)}),
    ):
        owner("delete from usage_settling where file_id = %s", ids[name])
        owner("delete from usage_usagefile where id = %s", ids[name])
        assert {one for one in broken() if one[1]} == found


def test_a_broken_trail_is_found_also_the_staffs(ids: Ids) -> None:
    with unit_of_work.acting_for(unit_of_work.STAFF):
        audit_log.append(tenant_id=None, actor="clerk", act="a", subject="b", at=NOW)
    owner("update portal_auditentry set actor = 'you' where tenant_id is null")
    [found] = findings()
    assert (found.invariant.name, found.tenant) == ("audit-trails-are-whole", "")
    owner("update portal_auditentry set details = '[]' where act = 'file-held'")
    assert {one.tenant for one in findings()} == {"", "A-100"}


def test_a_row_that_names_another_tenants_is_found(
    alice: Company, charlie: Company, ids: Ids
) -> None:
    name = "file_id_is_of_the_same_tenant"
    owner(f"alter table usage_settling drop constraint {name}")
    try:
        owner(
            "update usage_settling set tenant_id = %s where file_id = %s",
            *(charlie.id, ids["held"]),
        )
        assert broken() == {("rows-stay-with-their-tenant", True)}
    finally:
        owner("delete from usage_settling")
        owner(
            f"alter table usage_settling add constraint {name} foreign key"
            " (file_id, tenant_id) references usage_usagefile (id, tenant_id)"
        )


@pytest.mark.parametrize("change", ["gone", "other"])
def test_what_s3_has_lost_is_found(ids: Ids, change: str) -> None:
    with unit_of_work.acting_for(unit_of_work.STAFF, reading=True):
        row = Forwarding.objects.get(file=ids["forwarded"])
    key = row.key if change == "other" else f"{row.key}.gone"
    owner("update usage_forwarding set key = %s where id = %s", key, row.pk)
    if change == "other":
        others = "update usage_usagefile set sha256 = sha256(sha256) where id = %s"
        owner(others, row.file_id)
    assert ("confirmed-files-are-in-s3", True) in broken()


def test_a_deadline_that_no_rule_gives_is_found(ids: Ids) -> None:
    moved = "update billing_tenantperiod set deadline_at = deadline_at + interval"
    # As it would be with another LATE_FROM: the setting may have been changed since.
    owner(f"{moved} '1 day'")
    assert broken() == set()
    owner(f"{moved} '1 hour'")
    assert broken() == {("deadlines-are-those-of-the-rules", True)}


def test_a_summary_that_is_not_what_the_calendar_says_is_found(ids: Ids) -> None:
    refresh.refresh_all(seconds=60)
    assert findings() == []
    for change in ("covered = covered + 1", "deadline_at = now()", "strip = ''"):
        owner(f"update billing_periodrollup set {change} where period = '2026-05'")
        [found] = findings()
        assert (found.invariant.name, found.finding.is_breach) == (SUMMARIES, True)


def test_a_period_that_has_not_opened_is_found(ids: Ids) -> None:
    owner("delete from billing_tenantperiod where period = '2026-05'")
    assert broken() == {("past-periods-have-opened", False)}
    assert ("past-periods-have-opened", True) in broken(NOW + timedelta(days=30))


# The command

Run = Callable[..., str]


@pytest.fixture
def run(ids: Ids) -> Run:
    # Today is later than NOW, and its periods have opened.
    today = datetime.now(NOW.tzinfo)
    open_periods.open_current_periods(today=today.date(), at=today)

    def call(*arguments: str) -> str:
        out = StringIO()
        call_command("check_invariants", *arguments, stdout=out)
        return out.getvalue()

    return call


def test_the_command_says_that_all_holds(run: Run) -> None:
    every, of_rows = (
        len(invariants.registered(reads))
        for reads in (CheckCost.BUCKET, CheckCost.ROWS)
    )
    assert 0 < of_rows < every
    assert run("--s3") == f"{every} invariants hold in 1 tenants.\n"
    only = run("--rows-only", "--tenant", "A-100")
    assert only == f"{of_rows} invariants hold in 1 tenants.\n"


def test_the_command_tells_what_does_not_hold(run: Run, ids: Ids) -> None:
    store.remove(bytes_of(ids["held"]))
    with pytest.raises(CommandError, match="Found 1 times") as failure:
        run()
    assert failure.value.returncode == 1
    out = StringIO()
    with pytest.raises(CommandError):
        call_command("check_invariants", "--json", stdout=out)
    [finding] = json.loads(out.getvalue())["findings"]
    assert finding["invariant"] == "bytes-are-kept"
    assert finding["tenant"] == "A-100"
    assert str(ids["held"]) in finding["subject"]
    assert finding["says"] == "has lost its bytes"


def test_the_command_knows_its_tenants(run: Run) -> None:
    with pytest.raises(CommandError, match="There is no tenant B-1"):
        run("--tenant", "B-1")
