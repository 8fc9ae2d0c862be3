"""A month of three servers, delivered to S3 as servers do it, fills the calendar."""

from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from io import StringIO
from pathlib import Path
from typing import Any

import pytest
from django.core.management import CommandError, call_command

from billing.coverage.periods import Period
from billing.coverage.standing import Standing
from billing.periods.queries import view_period
from portal.db import unit_of_work
from tests.builders import Company
from tests.usage.inbox.s3_inboxes import listing, objects, open_inboxes, run_inbox_task
from usage import tasks
from usage.models import FileState, How
from usage.storage import s3_client
from usage.usg.emulator.directory import EmulatedFile, Options, emulate

PERIOD = Period(2026, 5)
SERVERS = ("IC01", "IC02", "IC03")

# When the files are collected: the period is over, and its deadline ahead.
AFTER = datetime(2026, 5, 29, 6, tzinfo=UTC)


@pytest.fixture(autouse=True)
def _inbox(db: None, settings: Any) -> Iterator[None]:
    open_inboxes(settings)
    yield
    s3_client.client.cache_clear()


def write_month(alice: Company, folder: Path) -> list[EmulatedFile]:
    writers = {name: alice.registered(name) for name in SERVERS[1:]}
    pairs = {SERVERS[0]: alice.server.pair} | {
        name: writer.pair for name, writer in writers.items()
    }
    return emulate(
        folder,
        tenant=alice.number,
        servers=SERVERS,
        from_day=PERIOD.starts_on,
        to_day=PERIOD.ends_on,
        users=60,
        seed=4,
        sealing_public_key=alice.sealing_public,
        signing_keys={name: pair.private for name, pair in pairs.items()},
        options=Options(zone=alice.zone),
    )


def deliver(folder: Path, tenant: str = "A-100") -> list[str]:
    out = StringIO()
    call_command("deliver_to_inbox", str(folder), "--tenant", tenant, stdout=out)
    return out.getvalue().splitlines()


def test_a_month_of_three_servers_makes_the_calendar_complete(
    alice: Company, tmp_path: Path
) -> None:
    written = write_month(alice, tmp_path / "usage")
    assert len(written) > 3 * 28
    told = deliver(tmp_path / "usage")
    assert told[-1] == f"{len(written)} uploaded, 0 there already"
    assert len(list((tmp_path / "usage").iterdir())) == len(written)
    assert run_inbox_task(AFTER)
    assert {row.verdict for row in objects(alice)} == {"accepted"}
    files = alice.files()
    assert {file.state for file in files} == {FileState.ACCEPTED}
    assert {file.how for file in files} == {How.INBOX}
    assert {bytes(file.sha256) for file in files} == {one.sha256 for one in written}
    with unit_of_work.acting_for(alice.id, reading=True):
        judgement = view_period(PERIOD, at=AFTER).judgement
    assert judgement.standing == Standing.COMPLETE
    # The next day's delivery uploads nothing again, and takes nothing twice.
    assert (
        deliver(tmp_path / "usage")[-1] == f"0 uploaded, {len(written)} there already"
    )
    assert run_inbox_task(AFTER + timedelta(days=1))
    assert len(objects(alice)) == len(written)
    assert listing(alice).ignored == 0


def test_a_directory_can_have_other_things_in_it(
    alice: Company, tmp_path: Path
) -> None:
    (tmp_path / "notes.txt").write_text("not for the portal")
    (tmp_path / "folder.usg").mkdir()
    (tmp_path / "day.usg").write_bytes(alice.server.day(date(2026, 5, 7)))
    assert deliver(tmp_path) == ["day.usg: uploaded", "1 uploaded, 0 there already"]


def test_what_cannot_be_delivered_is_told(
    alice: Company, tmp_path: Path, settings: Any
) -> None:
    with pytest.raises(CommandError, match="no tenant X-1"):
        deliver(tmp_path, "X-1")
    with pytest.raises(CommandError, match="No such file"):
        deliver(tmp_path / "nowhere")
    (tmp_path / "day.usg").write_bytes(b"day")
    settings.INBOX_BUCKET = "no-such-bucket-of-ours"
    with pytest.raises(CommandError, match="refuses: NoSuchBucket"):
        deliver(tmp_path)
    settings.INBOX_BUCKET = ""
    with pytest.raises(CommandError, match="S3_INBOX_BUCKET is not set"):
        deliver(tmp_path)


def test_the_task_does_nothing_where_there_is_no_inbox(
    alice: Company, tmp_path: Path, settings: Any
) -> None:
    (tmp_path / "day.usg").write_bytes(alice.server.day(date(2026, 5, 7)))
    deliver(tmp_path)
    there, settings.INBOX_BUCKET = settings.INBOX_BUCKET, ""
    tasks.fetch_inboxes()
    assert objects(alice) == []
    settings.INBOX_BUCKET = there
    tasks.fetch_inboxes()
    assert [row.verdict for row in objects(alice)] == ["accepted"]
