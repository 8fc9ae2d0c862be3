"""`manage.py drain` finishes all jobs while the broker is unreachable."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from portal.celery import app
from portal.db import unit_of_work
from portal.jobs.queue import JobState
from portal.stack import ports
from tests.builders import Company, digest_header
from tests.journeys.live_server import (
    PATIENCE,
    ROOT,
    RunningPortal,
    environment_of,
    request,
    running_portal,
    wait_for,
)
from usage.models import FileState, Forwarding, Settling, UsageFile
from usage.servers import keys as server_keys
from usage.storage import archive

pytestmark = pytest.mark.faults

FIRST = datetime.now(UTC).date() - timedelta(days=9)
DAYS = 6


@pytest.fixture
def alone(tmp_path: Path, worker_id: str) -> dict[str, str]:
    """The environment of a portal whose broker is gone."""
    changes = {
        "BROKER_URL": f"redis://{ports.LOOPBACK}:{ports.find_free()}/0",
        "S3_BUCKET": f"tests-{worker_id}",
    }
    database = f"test_portal_{worker_id}"
    return environment_of(tmp_path, database=database, port=1, changes=changes)


@pytest.fixture
def portal(
    db: None, alone: dict[str, str], tmp_path: Path, worker_id: str
) -> Iterator[RunningPortal]:
    archive.prepare()
    changes = {name: alone[name] for name in ("BROKER_URL", "S3_BUCKET")}
    database = f"test_portal_{worker_id}"
    with running_portal(tmp_path, database=database, changes=changes) as running:
        yield running


def upload(portal: RunningPortal, company: Company, data: bytes) -> str:
    digest = digest_header(data)["Content-Digest"]
    output = request(
        *("PUT", "/api/v1/files/day.usg", data),
        token=company.token,
        Content_Digest=digest,
    )
    return str(portal.send_raw(output).json()["verdict"])


def command(*arguments: str) -> list[str]:
    return [sys.executable, str(ROOT / "manage.py"), "drain", *arguments]


def drain(environment: dict[str, str], *arguments: str) -> str:
    done = subprocess.run(
        command(*arguments),
        env=environment,
        cwd=ROOT,
        capture_output=True,
        check=False,
        text=True,
        timeout=60,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def states(company: Company) -> tuple[set[str], set[str], set[str]]:
    """The states of the files, of their forwarding and of their judging."""
    with unit_of_work.acting_for(company.id, reading=True):
        return (
            {file.state for file in UsageFile.objects.all()},
            set(Forwarding.objects.values_list("state", flat=True)),
            set(Settling.objects.values_list("state", flat=True)),
        )


def test_uploads_are_judged_and_forwarded_without_a_broker(
    portal: RunningPortal, alice: Company, alone: dict[str, str]
) -> None:
    second = alice.writer("IC02")
    for number in range(DAYS):
        day = FIRST + timedelta(days=number)
        assert upload(portal, alice, alice.server.day(day)) == "accepted"
        assert upload(portal, alice, second.day(day)) == "held"
    # Its files are to be judged again: that is left to whoever looks for work.
    with unit_of_work.acting_for(alice.id):
        server_keys.register(
            alice.id, name="IC02", public=second.pair.public, by="t", at=_now()
        )
    assert drain(alone) == "Nothing is due any more.\n"
    done = {JobState.DONE.value}
    assert states(alice) == ({FileState.ACCEPTED.value}, done, done)
    # Again there is nothing to do, and it says so soon.
    assert drain(alone, "--all") == "Nothing is due any more.\n"


def _now() -> datetime:
    return datetime.now(UTC)


def test_a_loop_goes_on_until_it_is_told_to_end(
    portal: RunningPortal, alice: Company, alone: dict[str, str], tmp_path: Path
) -> None:
    journal = tmp_path / "drain.log"
    with journal.open("wb") as output:
        process = subprocess.Popen(
            command("--loop", "0.2"), env=alone, cwd=ROOT, stderr=output, stdout=output
        )
    try:
        for number in range(DAYS):
            day = FIRST + timedelta(days=number)
            assert upload(portal, alice, alice.server.day(day)) == "accepted"
            assert wait_for(lambda: states(alice)[1] == {JobState.DONE.value})
        started = time.monotonic()
        process.send_signal(signal.SIGTERM)
        assert process.wait(PATIENCE) == 0, journal.read_text()
        assert time.monotonic() - started < 5
    finally:
        process.kill()
        process.wait()
    assert "Error" not in journal.read_text()


def test_what_cannot_be_done_now_is_no_reason_to_go_on_for_ever(
    portal: RunningPortal, alice: Company, alone: dict[str, str]
) -> None:
    assert upload(portal, alice, alice.server.day(FIRST)) == "accepted"
    output = drain({**alone, "FORWARDING": "no"})
    assert output == "usage.forwarding: 1 could not be done now.\n"
    # A store that is away: the row is due later, so now nothing is.
    away = f"http://{ports.LOOPBACK}:{ports.find_free()}"
    drain({**alone, "S3_ENDPOINT_URL": away})
    assert states(alice)[1] == {JobState.WAITING.value}


def test_every_task_of_the_schedule_is_run(alone: dict[str, str]) -> None:
    from portal.jobs import drain as job_drain

    found = {entry.task for entry in job_drain.scheduled_tasks(at=_now())}
    assert found == {one["task"] for one in app.conf.beat_schedule.values()}
    assert found <= set(app.tasks)
    assert os.environ.get("BROKER_URL") != alone["BROKER_URL"]
