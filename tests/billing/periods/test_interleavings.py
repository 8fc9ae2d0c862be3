"""Concurrent uploads, refreshes, late checks and reads stay consistent.

Real transactions, each paused at the place that matters.
"""

from collections.abc import Iterator
from datetime import date, timedelta
from typing import Any

import pytest
from django.db import connection, connections

from billing.coverage.periods import BETWEEN_ZONES
from billing.coverage.standing import Standing
from billing.deadline_feed import ical
from billing.desk import queries as desk_queries
from billing.desk.sql import DeskFilter
from billing.lateness import check as late_check
from billing.lateness import decide as late_decide
from billing.lateness import sql as late_sql
from billing.models import (
    LateFlag,
    MarkRank,
    PeriodSummary,
    ServerPeriodSummary,
    SummaryMark,
    TenantPeriod,
)
from billing.periods import (
    deadlines,
    marks,
    open_periods,
    refresh,
    stale_summaries,
    summary_queries,
)
from billing.periods import queries as period_queries
from billing.periods.marks import ALL_PERIODS
from billing.requests import excuses
from portal.db import unit_of_work
from portal.errors import Unavailable
from tests.billing.lateness.late_tenants import (
    AFTER,
    BEFORE,
    CHECKED,
    DAY,
    FIRST,
    HOUR,
    LAST,
    MAY,
    broken_invariants,
    flags,
    open_short,
    run_check,
)
from tests.billing.periods.paused_threads import paused, running
from tests.billing.periods.summary_differences import differing
from tests.billing.reminders.tenant_with_gaps import request_excuse
from tests.builders import NOW, Company, open_company
from usage.models import Server

IN_MAY = DeskFilter(period=MAY)


@pytest.fixture
def company(db: None, no_inbox: None) -> Iterator[Company]:
    """A tenant that owes the last two days of May, with a fresh summary."""
    company = open_short("I-1")
    open_periods.open_current_periods(today=date(2026, 6, 3), at=NOW)
    refresh.refresh_all(seconds=60)
    yield company
    assert refresh.refresh_all(seconds=60, with_failed=True)
    assert differing(company) == []
    run_check(AFTER)
    assert broken_invariants(AFTER) == set()


@pytest.fixture
def minimal_slices(monkeypatch: pytest.MonkeyPatch) -> None:
    """Slices that compute one server and period each."""
    monkeypatch.setattr(refresh, "SLICE", 0.0)


@pytest.fixture
def no_refresh_before(monkeypatch: pytest.MonkeyPatch) -> None:
    """The late check finds no time to refresh."""
    monkeypatch.setattr(late_check, "_REFRESH_FOR", 0.0)


def send_last_days(company: Company) -> None:
    for data in company.server.days(LAST - DAY, LAST):
        company.send(data, at=BEFORE)


def marks_of(company: Company) -> list[SummaryMark]:
    with unit_of_work.acting_for(company.id, reading=True):
        return list(SummaryMark.objects.order_by("pk"))


def row_of(company: Company, period: str = str(MAY)) -> PeriodSummary | None:
    with unit_of_work.acting_for(company.id, reading=True):
        return PeriodSummary.objects.filter(period=period).first()


def mark(company: Company, **changes: Any) -> None:
    with unit_of_work.acting_for(company.id, holding=True):
        marks.mark(company.id, ALL_PERIODS, at=NOW, **changes)


def flags_now(company: Company) -> list[LateFlag]:
    """Return the flags without refreshing anything before."""
    with unit_of_work.acting_for(company.id, reading=True):
        return list(LateFlag.objects.order_by("pk"))


def stale(company: Company) -> set[str]:
    with unit_of_work.acting_for(company.id, reading=True):
        names = list(TenantPeriod.objects.values_list("period", flat=True))
        return marks.stale_periods(company.id, names)


def refresh_all() -> bool:
    return refresh.refresh_all(seconds=60)


# Refresher and upload


def test_a_file_received_during_a_refresh_marks_its_period_again(
    company: Company, monkeypatch: pytest.MonkeyPatch
) -> None:
    mark(company)
    files = company.server.days(LAST - DAY, LAST)
    with paused(refresh_all, "summary:computed", monkeypatch) as refresher:
        upload = running(lambda: [company.send(data, at=BEFORE) for data in files])
        assert upload.is_waiting  # for the lock: what was computed is still so
        refresher.finish()
        upload.finish()
    assert stale(company) >= {str(MAY)}


def test_a_mark_that_was_set_meanwhile_is_not_removed(company: Company) -> None:
    mark(company)
    with unit_of_work.acting_for(company.id, reading=True):
        found = stale_summaries.find(company.id)
    mark(company)
    claim = marks.MarkClaim(company.id)
    with unit_of_work.acting_for(company.id, holding=True):
        refresh._remove_marks(found, set(), claim)
    assert stale(company) >= {str(MAY)}


def test_a_mark_that_was_removed_and_set_again_is_another_one(company: Company) -> None:
    mark(company)
    [first] = marks_of(company)
    refresh_all()
    mark(company)
    [second] = marks_of(company)
    assert second.generation > first.generation
    open_periods.open_current_periods(today=date(2026, 7, 1), at=NOW)
    opening = next(one for one in marks_of(company) if one.rank == MarkRank.OPENING)
    assert opening.generation > second.generation


def test_two_refreshers_at_once_lose_no_server(
    company: Company, monkeypatch: pytest.MonkeyPatch
) -> None:
    other = company.registered("IC02", at=BEFORE)
    refresh_all()
    send_last_days(company)
    with paused(refresh_all, "summary:servers", monkeypatch) as first:
        upload = running(lambda: company.send(other.day(LAST), at=BEFORE))
        second = running(refresh_all)
        assert second.is_waiting
        first.finish()
        upload.finish()
        second.finish()
    refresh_all()
    row = row_of(company)
    assert row is not None
    with unit_of_work.acting_for(company.id, reading=True):
        parts = ServerPeriodSummary.objects.filter(period=str(MAY))
        assert sum(one.covered for one in parts) == row.covered


@pytest.mark.parametrize(
    "place", ["summary:computed", "summary:servers", "summary:tenant", "summary:flags"]
)
def test_a_mark_is_not_locked_while_its_summaries_are_computed(
    company: Company, monkeypatch: pytest.MonkeyPatch, place: str
) -> None:
    mark(company)
    with (
        paused(refresh_all, place, monkeypatch),
        connections["owner"].cursor() as cursor,
    ):
        cursor.execute("select id from billing_summarymark for update nowait")
        assert len(cursor.fetchall()) == 1


# Refresher and late check


def test_an_excuse_that_is_approved_after_the_deadline_is_seen_by_the_check(
    company: Company, no_refresh_before: None
) -> None:
    excuse = request_excuse(company, at=BEFORE)
    excuses.approve(company.id, excuse_id=excuse.pk, by="clerk", at=AFTER)
    found = late_check.check_lateness(AFTER)
    assert (found.raised, found.unchecked) == (0, ("I-1",))
    assert flags(company) == []


def test_the_refresher_updates_a_flag_raised_at_the_same_time(
    company: Company, monkeypatch: pytest.MonkeyPatch
) -> None:
    parameters: dict[str, Any] = {
        **late_check._parameters(AFTER),
        "at": AFTER,
        "least": late_check.STOPS_FROM,
        "times": late_check.STOPS_TIMES,
        "between_zones": BETWEEN_ZONES,
    }
    with unit_of_work.acting_for(unit_of_work.STAFF), connection.cursor() as cursor:
        cursor.execute(late_sql.RAISE, parameters)
        assert cursor.rowcount == 1
        # The late check is about to commit; meanwhile files come that were in time.
        running(lambda: send_last_days(company)).finish()
        refresher = running(refresh_all)
        assert refresher.is_waiting  # for the row that the check has read
    refresher.finish()
    [flag] = flags(company)
    assert flag.voided_at is not None


def test_an_extended_deadline_is_not_flagged_while_its_summary_is_stale(
    company: Company, no_refresh_before: None
) -> None:
    to = CHECKED + DAY
    fields = {"by": "clerk", "at": BEFORE, "reason": "Holidays."}
    deadlines.extend(company.id, MAY, to=to, **fields)  # type: ignore[arg-type]  # the test's own
    row = row_of(company)
    assert row is not None
    assert row.deadline_at < to
    assert run_check(AFTER) == 0
    assert flags(company) == []


def test_a_day_that_time_adds_waits_for_a_fresh_summary(
    company: Company, no_refresh_before: None
) -> None:
    run_check(AFTER)
    [before] = flags(company)
    with connections["owner"].cursor() as cursor:
        cursor.execute(
            "update billing_periodrollup set graced = '{2026-05-01 IC01}',"
            " graced_until = array[deadline_at]"
        )
    mark(company)
    late_check.check_lateness(AFTER + DAY)
    [after] = flags_now(company)
    assert after.still == before.still


def test_a_late_period_without_a_summary_is_reported_as_unchecked(
    no_inbox: None, db: None, no_refresh_before: None
) -> None:
    other = open_short("I-2")
    open_periods.open_current_periods(today=date(2026, 6, 3), at=NOW)
    assert row_of(other) is None
    assert late_check.check_lateness(AFTER).unchecked == ("I-2",)


# Openings


def test_a_file_that_opens_several_periods_marks_all_of_them(db: None) -> None:
    company = open_company(
        "I-3", name="Old", zone="Europe/Berlin", first_owed_on=date(2026, 1, 1)
    )
    refresh_all()
    company.send(company.server.day(date(2026, 5, 7)), at=NOW)
    wide = [one for one in marks_of(company) if one.rank == MarkRank.WIDE]
    assert [(one.first_period, one.last_period) for one in wide] == [
        ("2026-01", "2026-05")
    ]


def test_a_period_that_a_file_opens_has_no_summary_until_all_servers_have_one(
    company: Company, minimal_slices: None
) -> None:
    company.registered("IC02", at=NOW)
    refresh_all()
    company.send(company.server.day(date(2026, 3, 5)), at=BEFORE)
    period = "2026-03"
    claim = marks.MarkClaim(company.id)
    seen = []
    while not refresh._refresh_slice(company.id, claim=claim):
        with unit_of_work.acting_for(company.id, reading=True):
            stored = ServerPeriodSummary.objects.filter(period=period).count()
        seen.append((stored, row_of(company, period) is not None))
    assert (1, False) in seen
    assert (1, True) not in seen
    assert row_of(company, period) is not None


def test_a_period_that_has_opened_is_unknown_until_it_is_computed(
    company: Company,
) -> None:
    open_periods.open_current_periods(today=date(2026, 7, 1), at=NOW)
    period = MAY.next().next()
    assert row_of(company, str(period)) is None
    assert str(period) in stale(company)
    with unit_of_work.acting_for(unit_of_work.STAFF, reading=True):
        counts = desk_queries.standing_counts(DeskFilter(period=period), at=AFTER)
    assert not any(counts.values())
    refresh_all()
    row = row_of(company, str(period))
    assert row is not None
    assert row.owed == 30


def test_a_file_is_refreshed_before_wide_changes_and_openings(company: Company) -> None:
    others = [
        open_company(f"O-{number}", name="Other", zone="Europe/Berlin")
        for number in range(3)
    ]
    refresh_all()
    open_periods.open_current_periods(today=date(2026, 7, 1), at=NOW)
    mark(others[0], rank=MarkRank.WIDE)
    mark(company)
    with connections["owner"].cursor() as cursor:
        # The longer due, the higher the rank.
        cursor.execute(
            "update billing_summarymark set due_at = now() - rank * '1 s'::interval"
        )
    ranks = {one.pk: one.rank for own in (company, others[0]) for one in marks_of(own)}
    turns = [marks.claim() for _ in range(2)]
    assert [one and (one.tenant_id, ranks[one.mark]) for one in turns] == [
        (company.id, MarkRank.FACTS),
        (others[0].id, MarkRank.WIDE),
    ]


# Decisions, and tenants that cannot be computed


def test_a_decision_refreshes_its_period_alone_and_leaves_the_marks(
    company: Company, minimal_slices: None
) -> None:
    company.registered("IC02", at=BEFORE)
    run_check(AFTER)
    [flag] = flags(company)
    mark(company, rank=MarkRank.WIDE)
    before = marks_of(company)
    reason = {"by": "clerk", "at": AFTER, "reason": "Granted."}
    late_decide.waive(
        company.id,
        flag_id=flag.pk,
        cells=flag.open_days[:1],
        **reason,  # type: ignore[arg-type]  # the test's own
    )
    assert [one.pk for one in marks_of(company)] == [one.pk for one in before]
    names = stale(company)
    assert str(MAY) not in names
    assert str(MAY.next()) in names


def test_what_changes_between_refresh_and_decision_is_refreshed_too(
    company: Company, monkeypatch: pytest.MonkeyPatch
) -> None:
    refreshed = refresh.refresh_period

    def then_files(tenant_id: int, period: str, **options: Any) -> bool:
        done = refreshed(tenant_id, period, **options)
        send_last_days(company)
        return done

    monkeypatch.setattr(refresh, "refresh_period", then_files)
    with refresh.holding_fresh_period(company.id, str(MAY)):
        assert marks.stale_periods(company.id, [str(MAY)]) == set()
        row = PeriodSummary.objects.get(period=str(MAY))
        assert row.covered == row.owed


def test_a_tenant_that_cannot_be_computed_holds_up_nobody_and_is_reported(
    company: Company, monkeypatch: pytest.MonkeyPatch, charlie: Company
) -> None:
    open_periods.open_current_periods(today=date(2026, 6, 3), at=NOW)
    refresh.refresh_all(seconds=60)
    compute = stale_summaries._compute

    def fail(tenant: Any, *rest: Any) -> Any:
        if tenant.pk == company.id:
            raise ValueError(tenant.number)
        return compute(tenant, *rest)

    with monkeypatch.context() as patch:
        patch.setattr(stale_summaries, "_compute", fail)
        mark(company)
        for _ in range(marks.MOST_ATTEMPTS):
            charlie.send(charlie.server.day(LAST), at=BEFORE)
            _make_due()
            refresh.refresh_marked(seconds=20)
            assert stale(charlie) == set()
        [failed] = marks_of(company)
        assert failed.failed_at is not None
        found = late_check.check_lateness(AFTER)
        assert found.failed == ("I-1",)
        assert flags(company) == []
        assert ("roll-ups-are-what-they-would-be", False) in broken_invariants(AFTER)
        with unit_of_work.acting_for(company.id, reading=True):
            view = period_queries.view_period(MAY, at=AFTER)
        assert view.judgement.standing is Standing.LATE
        with (
            pytest.raises(Unavailable, match="summary-failed"),
            refresh.holding_fresh_period(company.id, str(MAY)),
        ):
            pass
    send_last_days(company)


def _make_due() -> None:
    with connections["owner"].cursor() as cursor:
        cursor.execute(
            "update billing_summarymark set due_at = now() - '1 s'::interval"
        )


# Order and readers


def test_the_order_of_servers_changes_no_flag(company: Company) -> None:
    for name in ("b", "Ä", "A", "a"):
        company.registered(name, at=NOW)
    with unit_of_work.acting_for(company.id, reading=True):
        assert Server.objects.count() >= 3
    run_check(AFTER)
    [before] = flags(company)
    assert before.still == sorted(before.still, key=lambda one: (one[11:], one[:10]))
    mark(company)
    refresh_all()
    [after] = flags(company)
    assert after.still == before.still
    with unit_of_work.acting_for(company.id, reading=True):
        tenant_period = TenantPeriod.objects.get(period=str(MAY))
        computed = summary_queries.compute_summary(tenant_period.tenant, tenant_period)
    assert list(computed.late) == after.still


def test_a_tenant_sees_its_last_file_at_once(company: Company) -> None:
    run_check(AFTER)
    with unit_of_work.acting_for(company.id, reading=True):
        late = period_queries.other_late_periods(MAY.next(), at=AFTER)
    assert [one.period for one in late] == [MAY]
    for data in company.server.days(LAST - DAY, LAST + DAY):
        company.send(data, at=AFTER)
    assert str(MAY) in stale(company)
    with unit_of_work.acting_for(company.id, reading=True):
        assert period_queries.other_late_periods(MAY.next(), at=AFTER) == []
        events = ical.feed_events(at=AFTER + HOUR)
    [done] = [one.summary for one in events if "28 April" in one.summary]
    assert "everything is here" in done


def test_a_summary_stored_during_a_read_is_not_missed(
    company: Company, monkeypatch: pytest.MonkeyPatch
) -> None:
    send_last_days(company)
    stale_periods = marks.stale_periods

    def after_a_refresh(*arguments: Any) -> set[str]:
        running(refresh_all).finish()
        return stale_periods(*arguments)

    monkeypatch.setattr(marks, "stale_periods", after_a_refresh)
    with unit_of_work.acting_for(company.id, reading=True):
        opened = TenantPeriod.objects.get(period=str(MAY))
        found = summary_queries.current_summary(opened.tenant, opened)
    assert found.covered == found.owed


def test_a_check_of_the_invariants_sees_one_moment(
    company: Company, monkeypatch: pytest.MonkeyPatch
) -> None:
    compute, files = summary_queries.compute_summary, company.server.days(FIRST, LAST)

    def after_a_file(*arguments: Any) -> Any:
        if files:
            data = files.pop()

            def send() -> None:
                company.send(data, at=BEFORE)
                refresh_all()

            running(send).finish()
        return compute(*arguments)

    monkeypatch.setattr(summary_queries, "compute_summary", after_a_file)
    assert broken_invariants(BEFORE) == set()
    assert len(files) < (LAST - FIRST) / timedelta(days=1)
