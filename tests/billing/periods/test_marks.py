"""Changes mark what they make stale, no less; marks are claimed, and given back."""

import hashlib
from datetime import UTC, date, datetime, timedelta
from typing import Any
from uuid import uuid4
from zoneinfo import ZoneInfo

import pytest
from django.db import connections

from billing.lateness import check as late_check
from billing.models import MarkRank, SummaryMark
from billing.periods import marks, open_periods, refresh, stale_summaries
from billing.periods.marks import ALL_PERIODS, MarkClaim, PeriodRange
from billing.requests import licences
from portal.db import unit_of_work
from portal.errors import Unavailable
from portal.health import metrics, readiness
from portal.jobs import wakeup
from tests.billing.lateness.late_tenants import broken_invariants
from tests.billing.periods.paused_threads import running
from tests.billing.periods.summary_differences import differing
from tests.builders import NOW, Company
from usage.models import FileState, UsageFile
from usage.review import decide

DAY = timedelta(days=1)
FIRST = date(2026, 4, 28)
LATER = datetime(2026, 9, 1, tzinfo=UTC)
EVER = ("0000-00", "9999-99")


@pytest.fixture(autouse=True)
def _opened(alice: Company) -> None:
    open_all()


def open_all() -> None:
    """Open the periods up to September, of all tenants; nothing is marked then."""
    open_periods.open_current_periods(today=date(2026, 9, 10), at=NOW)
    refresh.refresh_all(seconds=60)


def owner(statement: str) -> None:
    with connections["owner"].cursor() as cursor:
        cursor.execute(statement)


def marks_of(company: Company) -> list[SummaryMark]:
    with unit_of_work.acting_for(company.id, reading=True):
        return list(SummaryMark.objects.order_by("pk"))


def spans(company: Company) -> list[tuple[str, str]]:
    return [(one.first_period, one.last_period) for one in marks_of(company)]


def at_noon(month: int, day: int) -> datetime:
    return datetime(2026, month, day, 12, tzinfo=UTC)


def mark(company: Company, **changes: Any) -> None:
    with unit_of_work.acting_for(company.id, holding=True):
        marks.mark(company.id, ALL_PERIODS, at=NOW, **changes)


def make_due() -> None:
    owner("update billing_summarymark set due_at = now() - '1 s'::interval")


# What is marked


def test_a_usual_file_marks_the_days_from_its_predecessor_on(alice: Company) -> None:
    files = alice.server.days(date(2026, 6, 10), date(2026, 6, 13))
    alice.send(files[0], at=LATER)
    refresh.refresh_all(seconds=60)
    alice.send(files[1], at=LATER)
    assert spans(alice) == [("2026-06", "9999-99")]
    refresh.refresh_all(seconds=60)
    alice.send(files[3], at=LATER)
    refresh.refresh_all(seconds=60)
    alice.send(files[2], at=LATER)
    assert spans(alice) == [("2026-06", "2026-06")]


def test_the_first_file_of_a_server_marks_all_its_periods(alice: Company) -> None:
    alice.send(alice.server.day(date(2026, 6, 10)), at=LATER)
    [found] = marks_of(alice)
    assert (found.first_period, found.last_period) == EVER
    assert found.server_id is not None
    assert found.rank == MarkRank.FACTS


def test_a_file_in_another_zone_marks_all_periods_of_its_server(alice: Company) -> None:
    alice.send(alice.server.day(date(2026, 6, 10)), at=LATER)
    refresh.refresh_all(seconds=60)
    alice.server.zone = "America/New_York"
    alice.send(alice.server.day(date(2026, 6, 11)), at=LATER)
    assert spans(alice) == [EVER]


def test_a_file_older_than_its_server_marks_all_its_periods(alice: Company) -> None:
    other = alice.registered("IC02", at=LATER)
    files = other.days(date(2026, 6, 10), date(2026, 6, 11))
    refresh.refresh_all(seconds=60)
    alice.send(files[0], at=LATER - 2 * DAY)
    refresh.refresh_all(seconds=60)
    alice.send(files[1], at=LATER - DAY)
    assert spans(alice) == [EVER]


def test_a_file_received_before_another_marks_all_its_periods(alice: Company) -> None:
    files = alice.server.days(date(2026, 6, 10), date(2026, 6, 12))
    alice.send(files[0], at=LATER)
    alice.send(files[2], at=LATER + 2 * DAY)
    refresh.refresh_all(seconds=60)
    alice.send(files[1], at=LATER + DAY)
    assert spans(alice) == [EVER]


def test_a_decision_about_the_newest_file_marks_all_its_periods(alice: Company) -> None:
    alice.send(alice.server.day(date(2026, 6, 10)), at=LATER)
    alice.send(
        alice.server.day(
            date(2026, 6, 11), closed_at=datetime(2026, 6, 14, 12, tzinfo=UTC)
        ),
        at=LATER,
    )
    refresh.refresh_all(seconds=60)
    [held] = [one for one in alice.files() if one.state == FileState.HELD]
    decide.refuse(alice.id, file_id=held.pk, by="clerk", at=LATER, reason="No.")
    assert spans(alice) == [EVER]


def test_an_assigned_day_marks_the_day_that_the_header_has_too(alice: Company) -> None:
    writer, zone = alice.server, ZoneInfo(alice.zone)
    alice.send(writer.day(date(2026, 6, 11)), at=at_noon(6, 12))
    odd = writer.day(
        date(2026, 7, 15),
        opened_at=datetime(2026, 6, 12, tzinfo=zone).astimezone(UTC),
        closed_at=datetime(2026, 6, 13, tzinfo=zone).astimezone(UTC),
    )
    alice.send(odd, at=at_noon(6, 13))
    alice.send(writer.day(date(2026, 6, 13)), at=at_noon(6, 14))
    assert differing(alice) == []
    [held] = [one for one in alice.files() if one.state == FileState.HELD]
    decide.assign_day(
        alice.id,
        file_id=held.pk,
        day=date(2026, 6, 12),
        by="clerk",
        at=LATER,
        reason="Its clock.",
    )
    assert spans(alice) == [EVER]
    assert differing(alice) == []


def test_a_refused_file_that_joined_two_series_marks_all_periods(
    alice: Company,
) -> None:
    writer = alice.server
    alice.send(writer.day(date(2026, 6, 9)), at=at_noon(6, 10))
    late = datetime(2026, 6, 12, 12, tzinfo=UTC)
    alice.send(writer.day(date(2026, 6, 10), closed_at=late), at=at_noon(6, 13))
    joined = writer.previous
    third = writer.day(date(2026, 6, 13))
    writer.series, writer.sequence, writer.previous = uuid4(), 0, joined
    alice.send(writer.day(date(2026, 8, 1)), at=at_noon(8, 2))
    alice.send(third, at=at_noon(8, 20))
    assert differing(alice) == []
    [held] = [one for one in alice.files() if one.state == FileState.HELD]
    decide.refuse(
        alice.id, file_id=held.pk, by="clerk", at=at_noon(8, 25), reason="No."
    )
    assert differing(alice) == []


def test_the_zone_of_a_server_is_that_of_its_file_closed_last(alice: Company) -> None:
    writer, home = alice.server, alice.zone
    alice.send(writer.day(date(2026, 5, 5)), at=at_noon(5, 6))
    writer.day(date(2026, 5, 6))  # lost
    alice.send(writer.day(date(2026, 6, 10)), at=at_noon(6, 11))
    writer.zone = "America/New_York"
    alice.send(writer.day(date(2027, 6, 11)), at=at_noon(6, 12))
    one = (writer.series, writer.sequence, writer.previous)
    writer.zone, writer.series = home, uuid4()
    writer.sequence, writer.previous = 0, None
    alice.send(writer.day(date(2026, 6, 20)), at=at_noon(6, 21))
    [held] = [file for file in alice.files() if file.state == FileState.HELD]
    decide.assign_day(
        alice.id,
        file_id=held.pk,
        day=date(2026, 6, 11),
        by="clerk",
        at=at_noon(7, 1),
        reason="Its clock.",
    )
    assert differing(alice) == []
    writer.zone = "America/New_York"
    writer.series, writer.sequence, writer.previous = one
    alice.send(writer.day(date(2026, 6, 12)), at=at_noon(7, 2))
    assert differing(alice) == []


def test_a_held_file_far_away_is_within_reach_of_those_beside_it(
    alice: Company,
) -> None:
    files = [alice.server.day(date(2026, 7, 1))]
    files.append(
        alice.server.day(
            date(2026, 7, 2),
            opened_at=datetime(2026, 5, 3, tzinfo=UTC),
            closed_at=datetime(2026, 5, 4, tzinfo=UTC),
        )
    )
    files += alice.server.days(date(2026, 7, 3), date(2026, 7, 4))
    for number in (0, 1, 3):
        alice.send(files[number], at=LATER)
    refresh.refresh_all(seconds=60)
    assert FileState.HELD in {one.state for one in alice.files()}
    alice.send(files[2], at=LATER)
    assert spans(alice) == [("2026-05", "2026-07")]
    assert differing(alice) == []


def test_files_that_get_a_series_of_their_own_are_followed(alice: Company) -> None:
    writer, far = alice.server, timedelta(days=40)
    first = [writer.day(FIRST + number * far) for number in range(3)]
    writer.sequence, writer.previous = 1, hashlib.sha256(first[0]).digest()
    second = [writer.day(FIRST + DAY + number * far) for number in range(1, 3)]
    for data in (*first, *second):
        alice.send(data, at=LATER)
        assert differing(alice) == []
    held = [one for one in alice.files() if one.state == FileState.HELD]
    assert held
    with unit_of_work.acting_for(alice.id, reading=True):
        rivals = UsageFile.objects.filter(
            series=held[0].series, sequence=held[0].sequence
        )
        seen = set(rivals.values_list("pk", flat=True))
    decide.keep_both(
        alice.id, file_id=held[0].pk, seen=seen, by="clerk", at=LATER, reason="Both."
    )
    assert differing(alice) == []


def test_licences_mark_the_whole_tenant_from_their_first_day_on(alice: Company) -> None:
    licences.set_licences(
        alice.id, from_on=date(2026, 7, 1), keys=[], by="clerk", at=NOW
    )
    [found] = marks_of(alice)
    assert (found.server_id, found.rank) == (None, MarkRank.WIDE)
    assert (found.first_period, found.last_period) == ("2026-07", "9999-99")


def test_days_of_impossible_years_have_no_limit() -> None:
    assert PeriodRange.around(date(1, 1, 1), date(9999, 12, 31)) == ALL_PERIODS


# Marks of one server are one


def test_a_mark_is_widened_and_due_five_seconds_after_the_first_at_most(
    alice: Company,
) -> None:
    mark(alice)
    owner("update billing_summarymark set marked_at = marked_at - '4.5 s'::interval")
    [before] = marks_of(alice)
    mark(alice)
    [after] = marks_of(alice)
    assert after.pk == before.pk
    assert after.generation > before.generation
    assert after.due_at == after.marked_at + timedelta(seconds=5)


def test_only_a_new_mark_sends_a_wake_up(
    alice: Company, monkeypatch: pytest.MonkeyPatch
) -> None:
    woken: list[str] = []
    monkeypatch.setattr(wakeup._thread, "request", woken.append)
    mark(alice)
    mark(alice)
    assert woken == [marks.TASK]


# Claims


def test_a_mark_is_claimed_when_it_is_due_and_by_one_process(alice: Company) -> None:
    mark(alice)
    [found] = marks_of(alice)
    wait = found.due_at - found.marked_at
    assert timedelta(seconds=1) <= wait < timedelta(seconds=2)
    owner("update billing_summarymark set due_at = now() + '1 h'::interval")
    assert marks.claim() is None
    assert 3500 < (marks.seconds_until_due() or 0) <= 3600
    make_due()
    claim = marks.claim()
    assert claim is not None
    assert (claim.tenant_id, claim.attempts) == (alice.id, 1)
    assert marks.claim() is None
    # Whoever had it has ended.
    owner("update billing_summarymark set leased_until = now() - '1 s'::interval")
    again = marks.claim()
    assert again is not None
    assert again.attempts == 2


def test_a_tenant_that_ends_the_refresher_three_times_has_failed(
    alice: Company,
) -> None:
    mark(alice)
    make_due()
    owner(f"update billing_summarymark set attempts = {marks.MOST_ATTEMPTS}")
    refresh.refresh_marked(seconds=0.1)
    [found] = marks_of(alice)
    assert found.failed_at is not None
    assert found.due_at - found.failed_at > timedelta(minutes=9)
    mark(alice)
    [found] = marks_of(alice)
    assert (found.failed_at, found.attempts) == (None, 0)


def test_a_tenant_that_ends_its_process_harms_no_other(
    alice: Company, charlie: Company, monkeypatch: pytest.MonkeyPatch
) -> None:
    open_all()
    for company in (alice, charlie):
        mark(company)
    make_due()
    compute = stale_summaries._compute

    def kill(tenant: Any, *rest: Any) -> Any:
        if tenant.pk == alice.id:
            raise SystemExit
        return compute(tenant, *rest)

    monkeypatch.setattr(stale_summaries, "_compute", kill)
    for _ in range(marks.MOST_ATTEMPTS):
        with pytest.raises(SystemExit):
            refresh.refresh_marked(seconds=20)
        owner("update billing_summarymark set leased_until = null")
        owner("update billing_summarymark set due_at = now() where attempts > 0")
    refresh.refresh_marked(seconds=20)
    [failed] = marks_of(alice)
    assert failed.failed_at is not None
    assert marks_of(charlie) == []
    # Neither the late check nor a decision tries it again.
    late_check.check_lateness(LATER)
    with pytest.raises(Unavailable), refresh.holding_fresh_period(alice.id, "2026-05"):
        pass


def test_other_marks_of_a_failed_tenant_wait_with_it(
    alice: Company, monkeypatch: pytest.MonkeyPatch
) -> None:
    mark(alice)
    owner("update billing_summarymark set failed_at = now(), due_at = now() + '1 h'")
    mark(alice, rank=MarkRank.WIDE)
    owner("update billing_summarymark set due_at = now() where failed_at is null")
    claims = []
    claim = marks.claim
    monkeypatch.setattr(marks, "claim", lambda: claims.append(claim()))
    refresh.refresh_marked(seconds=0.5)
    assert claims == [None]


def test_a_change_during_a_failure_is_tried_at_once(alice: Company) -> None:
    mark(alice)
    make_due()
    claim = marks.claim()
    assert claim is not None
    mark(alice)
    refresh._record_failure(claim, after=timedelta(minutes=10))
    [found] = marks_of(alice)
    assert found.failed_at is None
    assert found.due_at - found.marked_at < timedelta(seconds=6)


def test_a_busy_lock_is_not_a_failed_attempt(
    alice: Company, monkeypatch: pytest.MonkeyPatch
) -> None:
    mark(alice)
    make_due()
    monkeypatch.setattr(unit_of_work, "LOCK_TIMEOUT", "50ms")
    with unit_of_work.acting_for(alice.id, holding=True):
        running(lambda: refresh.refresh_marked(seconds=0.1)).finish()
    [found] = marks_of(alice)
    assert (found.attempts, found.failed_at, found.leased_until) == (0, None, None)


def test_a_tenant_that_is_not_done_goes_behind_the_others(
    alice: Company, charlie: Company, monkeypatch: pytest.MonkeyPatch
) -> None:
    open_all()
    monkeypatch.setattr(refresh, "SLICE", 0.0)
    for company in (alice, charlie):
        mark(company, rank=MarkRank.WIDE)
    make_due()
    turns = []
    for _ in range(4):
        claim = marks.claim()
        assert claim is not None
        turns.append(claim.tenant_id)
        refresh._refresh_claimed(claim)
    assert set(turns[:2]) == {alice.id, charlie.id}
    assert turns[2:] == turns[:2]


def test_one_refresh_takes_a_fixed_number_of_queries(
    alice: Company, django_assert_num_queries: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(refresh, "SLICE", 60.0)
    for data in alice.server.days(date(2026, 6, 10), date(2026, 6, 12)):
        alice.send(data, at=LATER)
    refresh.refresh_all(seconds=60)
    for name in ("IC02", "IC03", "IC04"):
        alice.registered(name)
    refresh.refresh_all(seconds=60)
    alice.send(alice.server.day(date(2026, 6, 13)), at=LATER)
    claim = MarkClaim(alice.id)
    with django_assert_num_queries(19):
        assert refresh._refresh_slice(alice.id, claim=claim)


def test_what_was_computed_is_not_computed_again_by_the_next_slice(
    alice: Company, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(refresh, "SLICE", 0.0)
    mark(alice, rank=MarkRank.WIDE)
    computed = []
    compute = stale_summaries._compute

    def count(*arguments: Any) -> Any:
        row = compute(*arguments)
        computed.append((row.server_id, row.period))
        return row

    monkeypatch.setattr(stale_summaries, "_compute", count)
    assert refresh.refresh_all(seconds=60)
    assert len(computed) == len(set(computed)) >= 5


# What operators see


def test_metrics_and_readiness_report_marks(alice: Company) -> None:
    mark(alice)
    owner("update billing_summarymark set marked_at = now() - '700 s'::interval")
    metrics.clear_cache()
    readiness.clear_cache()
    text = metrics.text(at=datetime.now(UTC))
    metrics.clear_cache()
    assert 'portal_summary_marks{rank="facts"} 1' in text
    [age] = [
        float(line.split()[-1])
        for line in text.splitlines()
        if line.startswith('portal_summary_marks_oldest_seconds{rank="facts"}')
    ]
    assert 700 <= age < 800
    assert "portal_summaries_failed{} 0" in text
    states = readiness.part_states(at=datetime.now(UTC))
    readiness.clear_cache()
    assert states["summaries"] == readiness.Health.DEGRADED


def test_the_migration_marks_all_tenants_and_nothing_is_broken(
    alice: Company, charlie: Company
) -> None:
    from importlib import import_module

    migration: Any = import_module("billing.migrations.0015_summary_marks")
    open_all()
    owner("delete from billing_serverperiodsummary")
    owner("update billing_periodrollup set generation = 0")
    owner(migration._MARK_ALL)
    assert broken_invariants(NOW) == set()
    with unit_of_work.acting_for(unit_of_work.STAFF, reading=True):
        assert set(
            marks.marked_tenants(only=None, other_than=(), most=9, with_failed=True)
        ) == {
            alice.id,
            charlie.id,
        }
    assert differing(alice) == differing(charlie) == []
