"""Files in any order, from any number of clients, come to the same result."""

import random
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from unittest import mock
from uuid import uuid4

import pytest
from django.db import connection
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from billing.coverage.standing import Standing
from billing.models import LateFlag, Reminder, TenantPeriod
from billing.periods import open_periods, refresh, summary_queries
from billing.periods import queries as period_queries
from billing.reminders import plan as reminder_plan
from portal.db import unit_of_work
from portal.health import failpoints
from portal.models import AuditEntry
from tests.billing.lateness.late_tenants import (
    AFTER,
    BEFORE,
    DAY,
    DUE,
    FIRST,
    HOUR,
    LAST,
    MAY,
    broken_invariants,
    run_check,
)
from tests.billing.periods.summary_differences import differing
from tests.builders import NOW, Company, open_company
from usage.models import FileState, Forwarding

CLIENTS = 8

# The morning on which those who are late get a mail.
MORNING = AFTER + 9 * HOUR


class RefresherKilledError(BaseException):
    """Ends the refresher where it is, as a kill would; its transaction is undone."""


@dataclass(frozen=True, slots=True)
class SentFile:
    data: bytes
    at: datetime


@dataclass(frozen=True, slots=True)
class CompanyOutcome:
    """What staff and customers see of a company in the end, without names."""

    summaries: dict[str, Any]
    standing: Standing
    cells: dict[Any, str]
    flags: list[Any]
    mails: list[Any]


def write_month(company: Company, rng: random.Random) -> list[SentFile]:
    """Write two servers' days around the period; some are lost, some come too late."""
    other = company.registered("IC02", at=NOW)
    company.server.sequence = 0
    files = []
    for writer in (company.server, other):
        day = FIRST - DAY
        while day <= LAST + DAY:
            at = rng.choice([BEFORE, BEFORE, BEFORE, DUE - HOUR, DUE, AFTER])
            data = writer.day(day)
            if rng.random() < 0.85:
                files.append(SentFile(data, at))
            day += timedelta(days=rng.choice([1, 1, 2, 4]))
    return files


def outcome(company: Company) -> CompanyOutcome:
    assert differing(company) == []
    with unit_of_work.acting_for(company.id, reading=True):
        opened = list(TenantPeriod.objects.order_by("period"))
        view = period_queries.view_period(MAY, at=AFTER)
        cells = view.judgement.calendar.cells
        return CompanyOutcome(
            summaries=summary_queries.current_summaries(opened[0].tenant, opened),
            standing=view.judgement.standing,
            cells={key: cell.state.value for key, cell in cells.items()},
            flags=list(
                LateFlag.objects.order_by("period").values_list(
                    "period", "deadline_at", "evidence", "still", "void_reason"
                )
            ),
            mails=list(
                Reminder.objects.order_by("period", "step", "recipient").values_list(
                    "period", "step", "state", "problem"
                )
            ),
        )


@contextmanager
def restarting_refresher(rng: random.Random) -> Iterator[None]:
    """Refresh beside the block, and be killed at random places again and again."""
    over = threading.Event()

    def run() -> None:
        while not over.is_set():
            place = rng.choice([None, *_PLACES])
            kill_at.place = place
            try:
                refresh.refresh_all(seconds=5)
            except RefresherKilledError:
                connection.close()
            over.wait(0.05)
        connection.close()

    kill_at = threading.local()

    def reach(name: str) -> None:
        if getattr(kill_at, "place", None) == name:
            raise RefresherKilledError

    with mock.patch.object(failpoints, "reach", reach):
        thread = threading.Thread(target=run)
        thread.start()
        try:
            yield
        finally:
            over.set()
            thread.join()


_PLACES = [name for name in failpoints.NAMES if name.startswith("summary:")]


def send_by_many(company: Company, files: list[SentFile], rng: random.Random) -> int:
    """Send everything by eight clients, each in an order of its own, all at once."""
    batches = [rng.sample(files, len(files) // 2) for _ in range(CLIENTS - 1)]
    batches.append(rng.sample(files, len(files)))

    def send(batch: list[SentFile]) -> int:
        try:
            return sum(company.send(one.data, at=one.at)[1] for one in batch)
        finally:
            connection.close()

    with ThreadPoolExecutor(CLIENTS) as pool:
        return sum(pool.map(send, batches))


@settings(
    max_examples=2,
    deadline=None,
    phases=[Phase.explicit, Phase.generate],  # each example costs seconds
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(seed=st.integers(0, 2**32))
@pytest.mark.usefixtures("no_inbox")
def test_eight_clients_and_a_restarted_refresher_give_what_one_by_one_gives(
    db: None, seed: int
) -> None:
    number = uuid4().hex  # the same seed may be tried again
    one, many = (
        open_company(f"{name}-{number}", name=name, zone="Europe/Berlin")
        for name in ("one", "many")
    )
    open_periods.open_current_periods(today=LAST + 5 * DAY, at=NOW)
    files = write_month(one, random.Random(seed))
    for file in files:
        one.send(file.data, at=file.at)
        refresh.refresh_all(seconds=60)
    rng = random.Random(seed + 1)
    own = write_month(many, random.Random(seed))
    # One received time for each file, however often and in whatever order it comes.
    with restarting_refresher(rng):
        assert send_by_many(many, own, rng) == len(own) == len(files)
    assert refresh.refresh_all(seconds=60)
    run_check(AFTER)
    reminder_plan.plan_reminders(at=MORNING)
    found = outcome(one)
    assert outcome(many) == found
    assert found.flags
    assert found.mails
    assert {name for name, _ in broken_invariants(AFTER)} == set()
    for company in (one, many):
        states = [file.state for file in company.files()]
        assert states == [FileState.ACCEPTED] * len(files)
        with unit_of_work.acting_for(company.id, reading=True):
            assert Forwarding.objects.count() == len(files)
            accepted = AuditEntry.objects.filter(act="file-accepted")
            assert accepted.count() == len(files)
