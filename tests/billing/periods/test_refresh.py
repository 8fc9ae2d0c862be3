"""The stored summary of each period equals the computed one, at any time."""

from datetime import date, datetime, timedelta
from random import Random

import pytest
from django.db import connections

from billing.models import PeriodSummary
from billing.periods import open_periods, refresh
from portal.db import unit_of_work
from tests.billing.lateness.late_tenants import broken_invariants
from tests.billing.periods.summary_differences import differing
from tests.builders import NOW, Company, Writer
from usage.models import FileState, Server, ServerRequestKind, UsageFile
from usage.review import decide
from usage.servers import keys as server_keys
from usage.servers import requests as server_requests
from usage.usg import fingerprint

FIRST = date(2026, 4, 28)
AFTER = datetime(2026, 8, 1, tzinfo=NOW.tzinfo)


@pytest.fixture(autouse=True)
def _opened(alice: Company, charlie: Company) -> None:
    """Three periods are open, so that what reaches from one to the next is seen."""
    open_periods.open_current_periods(today=date(2026, 7, 10), at=NOW)


def history(rng: Random, writer: Writer) -> list[bytes]:
    """A server's files over the edges of periods: lost ones, restarts, a new series."""
    files: list[bytes] = []
    day = FIRST + timedelta(days=rng.randint(0, 12))
    for _ in range(rng.randint(4, 14)):
        files.append(writer.day(day))
        day += timedelta(days=rng.choice([1, 1, 1, 2, 9, 25]))
        if rng.random() < 0.15:
            writer.sequence, writer.previous = 0, None
            writer.series = type(writer.series)(int=rng.getrandbits(128))
    return [data for data in files if rng.random() < 0.85]


@pytest.mark.parametrize("seed", range(3))
def test_it_follows_every_file_in_whatever_order_they_come(
    alice: Company, seed: int
) -> None:
    rng = Random(seed)
    stranger = alice.writer("IC77")
    files = [*history(rng, alice.server), *history(rng, stranger)]
    rng.shuffle(files)
    for number, data in enumerate(files):
        alice.send(data, at=NOW + timedelta(days=10 * number))
        assert differing(alice) == []
    with unit_of_work.acting_for(alice.id, reading=True):
        is_known = Server.objects.filter(name="IC77").exists()
    if is_known:
        key = fingerprint(stranger.pair.public)
        server_keys.confirm_key(alice.id, server="IC77", key=key, by="test", at=AFTER)
    assert differing(alice) == []


def test_it_follows_decisions(alice: Company) -> None:
    writer = alice.server
    days = writer.days(FIRST, FIRST + timedelta(days=6))
    for data in days:
        alice.send(data)
    writer.sequence, writer.previous = 3, None
    rival, _ = alice.send(writer.day(FIRST + timedelta(days=9)))
    assert rival.state == FileState.HELD
    assert differing(alice) == []
    decide.refuse(alice.id, file_id=rival.pk, by="clerk", at=AFTER, reason="No.")
    assert differing(alice) == []
    decide.reopen(alice.id, file_id=rival.pk, by="clerk", at=AFTER, reason="Yes.")
    assert differing(alice) == []
    with unit_of_work.acting_for(alice.id, reading=True):
        seen = UsageFile.objects.filter(sequence=4).values_list("pk", flat=True)
        ids = set(seen)
    decide.keep_both(
        alice.id, file_id=rival.pk, seen=ids, by="clerk", at=AFTER, reason="Both."
    )
    assert differing(alice) == []


def test_it_follows_servers(alice: Company) -> None:
    with unit_of_work.acting_for(alice.id, reading=True):
        server = Server.objects.get()
    before = differing(alice)
    change = server_requests.ServerChange(
        server_id=server.pk,
        kind=ServerRequestKind.LAST_DAY,
        day=date(2026, 5, 10),
        reason="It was switched off.",
    )
    asked = server_requests.request_change(
        alice.id, change=change, by="admin", at=AFTER
    )
    assert asked is not None
    server_requests.approve(alice.id, request_id=asked.pk, by="clerk", at=AFTER)
    assert (before, differing(alice)) == ([], [])
    alice.registered("IC02")
    assert differing(alice) == []


def test_what_one_tenant_sends_changes_nothing_of_another(
    alice: Company, charlie: Company
) -> None:
    with unit_of_work.acting_for(charlie.id, reading=True):
        before = list(PeriodSummary.objects.order_by("period").values())
    alice.send(alice.server.day(FIRST))
    with unit_of_work.acting_for(charlie.id, reading=True):
        assert list(PeriodSummary.objects.order_by("period").values()) == before


def test_a_period_without_summary_and_mark_is_a_breach(alice: Company) -> None:
    alice.send(alice.server.day(FIRST))
    assert broken_invariants(NOW) == set()
    refresh.refresh_all(seconds=60)
    with connections["owner"].cursor() as cursor:
        cursor.execute("delete from billing_periodrollup where period = '2026-05'")
        assert cursor.rowcount
    assert broken_invariants(NOW) == {("roll-ups-are-what-they-would-be", True)}


def test_it_follows_a_server_to_another_zone(alice: Company) -> None:
    alice.send(alice.server.day(FIRST), at=AFTER)
    alice.server.sequence += 1  # lost: what is missing ends by the zone last seen
    alice.send(alice.server.day(FIRST + timedelta(days=70)), at=AFTER)
    alice.server.zone = "America/New_York"
    alice.send(alice.server.day(FIRST + timedelta(days=71)), at=AFTER)
    assert differing(alice) == []
