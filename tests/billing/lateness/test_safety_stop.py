"""A run that would flag far more tenants than usual is held until staff release it."""

from datetime import datetime, timedelta
from typing import Any

import pytest
from django.db import connections

from billing.lateness import check as late_check
from billing.lateness import undecided_queries
from billing.lateness.undecided_queries import UndecidedReason
from billing.models import SafetyStop
from billing.periods import refresh
from portal.db import unit_of_work
from portal.errors import Refused
from portal.models import AuditEntry, Tenant
from tests.billing.lateness.late_tenants import (
    AFTER,
    CHECKED,
    DAY,
    DUE,
    HOUR,
    broken_invariants,
    numbers_of_late,
    open_periods,
    open_short,
    received_only,
    run_check,
)
from tests.builders import Company
from usage.models import InboxListing

# One tenant's summary, once more for tenants that have nothing else.
_SUMMARIES = """
insert into billing_periodrollup (tenant_id, period, deadline_at, owed, covered,
    missing_from, fault_from, with_us_from, lacks_servers, open_until, late, strip)
select t.id, r.period, r.deadline_at + %s, r.owed, r.covered, r.missing_from,
    r.fault_from, r.with_us_from, r.lacks_servers, r.open_until, r.late, r.strip
from portal_tenant t cross join billing_periodrollup r
where r.tenant_id = %s and r.period = '2026-05' and t.id > %s
"""

_FLAGS = """
insert into billing_lateflag
    (tenant_id, period, deadline_at, raised_at, told_at, evidence, still, voided_at,
    void_reason)
select t.id, p.period, now(), now(), now(), '{x}', '{x}', p.voided_at, p.reason
from portal_tenant t
cross join (values ('2026-04', null::timestamptz, ''), ('2026-03', null, ''),
    ('2026-02', now(), 'proved-wrong'), ('2026-01', null, '')) p
        (period, voided_at, reason)
where t.id > %s order by p.period, t.id
"""


@pytest.fixture
def first(db: None, settings: Any) -> Company:
    settings.INBOX_BUCKET = ""
    company = open_short("L-000")
    open_periods()
    refresh.refresh_all(seconds=60)
    return company


def owner(statement: str, *parameters: Any) -> None:
    with connections["owner"].cursor() as cursor:
        cursor.execute(statement, parameters)


def more(first: Company, count: int, *, after: timedelta = timedelta()) -> None:
    """Let more tenants be as late as the first one is, with so much later deadlines."""
    with unit_of_work.acting_for(unit_of_work.STAFF):
        last = Tenant.objects.latest("pk").pk
        template = Tenant.objects.get(pk=first.id)
        Tenant.objects.bulk_create(
            Tenant(
                number=f"M-{last + one:03}",
                name="More",
                zone=template.zone,
                first_owed_on=template.first_owed_on,
                created_at=template.created_at,
            )
            for one in range(count)
        )
    owner(_SUMMARIES, after, first.id, last)


def stops() -> list[SafetyStop]:
    with unit_of_work.acting_for(unit_of_work.STAFF, reading=True):
        return list(SafetyStop.objects.order_by("period"))


def release(reason: str = "It is so.", *, at: datetime = AFTER) -> None:
    """Release the period for those who are listed at this instant."""
    with unit_of_work.acting_for(unit_of_work.STAFF, reading=True):
        seen = undecided_queries.undecided_ids("2026-05", at=at)
    late_check.release("2026-05", tenants=seen, by="clerk", reason=reason, at=AFTER)


def test_nineteen_are_flagged(first: Company) -> None:
    more(first, 18)
    assert run_check(CHECKED) == 19
    assert stops() == []


def test_twenty_are_held_and_released(first: Company) -> None:
    more(first, 19)
    assert late_check.check_lateness(CHECKED) == late_check.CheckResult(0, ("2026-05",))
    assert late_check.check_lateness(CHECKED + HOUR) == late_check.CheckResult(0, ())
    (stop,) = stops()
    assert (stop.found, stop.usual, stop.raised_at) == (20, 0, CHECKED)
    assert numbers_of_late() == set()
    with pytest.raises(Refused, match="reason-needed"):
        release(" ")
    release()
    (stop,) = stops()
    assert (stop.released_by, stop.released_at, stop.reason) == (
        "clerk",
        AFTER,
        "It is so.",
    )
    with pytest.raises(Refused, match="decided-already"):
        release()
    assert run_check(AFTER) == 20
    assert len(numbers_of_late()) == 20


def test_the_staffs_trail_tells_of_it(first: Company) -> None:
    more(first, 19)
    run_check(CHECKED)
    release()
    with unit_of_work.acting_for(unit_of_work.STAFF, reading=True):
        acts = AuditEntry.objects.filter(tenant=None).order_by("number")
        audited = [(one.act, one.actor, one.subject) for one in acts]
    assert audited == [
        ("safety-stop-raised", "the portal", "2026-05"),
        ("safety-stop-released", "clerk", "2026-05"),
    ]


def test_it_does_not_matter_in_how_many_runs_they_fall_late(first: Company) -> None:
    more(first, 18)
    assert run_check(CHECKED) == 19
    more(first, 1)
    assert late_check.check_lateness(AFTER) == late_check.CheckResult(0, ("2026-05",))
    assert (stops()[0].found, len(numbers_of_late())) == (20, 19)


def test_a_period_that_is_late_as_usual_is_flagged(first: Company) -> None:
    more(first, 19)
    # The mean of the last three periods: 16 + 16 + none that stand; older ones and
    # void ones do not count. Twice that is 21.3.
    with unit_of_work.acting_for(unit_of_work.STAFF, reading=True):
        after = Tenant.objects.order_by("-pk")[16].pk
    owner(_FLAGS, after)
    assert run_check(CHECKED) == 20
    more(first, 2)
    assert late_check.check_lateness(AFTER).stopped == ("2026-05",)
    assert stops()[0].usual == pytest.approx(32 / 3)


def test_exactly_twice_the_mean_is_held(first: Company) -> None:
    more(first, 19)
    with unit_of_work.acting_for(unit_of_work.STAFF, reading=True):
        after = Tenant.objects.order_by("-pk")[15].pk
    owner(_FLAGS, after)
    # 15 in April, 15 in March: the mean is 10.
    assert late_check.check_lateness(CHECKED).stopped == ("2026-05",)
    assert (stops()[0].found, stops()[0].usual) == (20, 10)


def test_the_zones_still_ahead_count_before_the_first_flag(first: Company) -> None:
    more(first, 14)
    more(first, 15, after=9 * HOUR)
    for at in (CHECKED, CHECKED + 8 * HOUR):
        found = late_check.check_lateness(at)
        assert (found.raised, found.stopped, found.waiting) == (0, (), ("2026-05",))
    assert (stops(), numbers_of_late()) == ([], set())
    found = late_check.check_lateness(CHECKED + 9 * HOUR)
    assert (found.raised, found.stopped, found.waiting) == (0, ("2026-05",), ())
    assert (stops()[0].found, numbers_of_late()) == (30, set())
    release()
    assert run_check(CHECKED + 10 * HOUR) == 30


def test_twenty_of_one_zone_stop_it_with_the_number_of_all_zones(
    first: Company,
) -> None:
    more(first, 19)
    more(first, 15, after=9 * HOUR)
    assert late_check.check_lateness(CHECKED).stopped == ("2026-05",)
    assert stops()[0].found == 35


def test_flags_that_waited_go_when_the_other_zones_are_in_time(first: Company) -> None:
    more(first, 14)
    more(first, 15, after=9 * HOUR)
    assert run_check(CHECKED) == 0
    in_time = "update billing_periodrollup set late = '{}' where deadline_at > %s"
    owner(in_time, DUE)
    assert run_check(CHECKED + HOUR) == 15
    assert stops() == []


def test_flags_of_an_earlier_run_count_with_the_zones_ahead(first: Company) -> None:
    more(first, 9)
    assert run_check(CHECKED) == 10
    more(first, 4)
    more(first, 6, after=9 * HOUR)
    assert late_check.check_lateness(AFTER).waiting == ("2026-05",)
    assert len(numbers_of_late()) == 10


def test_a_deadline_extended_by_days_holds_nobody_elses_flag(first: Company) -> None:
    more(first, 14)
    more(first, 15, after=2 * DAY)
    assert run_check(CHECKED) == 15
    assert late_check.check_lateness(CHECKED + 2 * DAY).stopped == ("2026-05",)
    assert (stops()[0].found, len(numbers_of_late())) == (30, 15)


def test_tenants_that_wait_for_us_count_and_delay_flags_27_hours(
    first: Company, settings: Any
) -> None:
    more(first, 29)
    settings.INBOX_BUCKET = "inbox"
    with unit_of_work.acting_for(unit_of_work.STAFF, reading=True):
        listed = list(Tenant.objects.order_by("pk").values_list("pk", flat=True))[:12]
    for tenant_id in listed:
        with unit_of_work.acting_for(tenant_id):
            InboxListing.objects.create(
                tenant_id=tenant_id, due_at=DUE, listed_at=AFTER
            )
    for at in (AFTER, DUE + 27 * HOUR):
        assert late_check.check_lateness(at).waiting == ("2026-05",)
    # Nobody knows any more when the others are listed: the staff are asked.
    found = late_check.check_lateness(CHECKED + 27 * HOUR)
    assert (found.raised, found.stopped) == (0, ("2026-05",))
    assert (stops()[0].found, numbers_of_late()) == (30, set())


def test_two_of_three_tenants_in_several_zones_are_flagged(first: Company) -> None:
    more(first, 1, after=9 * HOUR)
    assert run_check(CHECKED) == 1
    assert run_check(CHECKED + 9 * HOUR) == 1
    assert stops() == []


def test_who_is_held_is_told_of_as_odd(first: Company) -> None:
    more(first, 19)
    assert broken_invariants(AFTER) >= {("who-was-late-has-a-flag", False)}
    run_check(CHECKED)
    assert ("who-was-late-has-a-flag", False) in broken_invariants(AFTER)
    release()
    run_check(AFTER)
    assert ("who-was-late-has-a-flag", False) not in broken_invariants(AFTER)


def test_a_release_is_for_listed_tenants_and_others_stop_the_period_again(
    first: Company,
) -> None:
    more(first, 19)
    run_check(CHECKED)
    release()
    more(first, 30)
    found = late_check.check_lateness(AFTER)
    assert (found.raised, found.stopped) == (20, ("2026-05",))
    (stop,) = stops()
    assert (stop.found, stop.released_at, stop.released_for) == (50, None, None)
    assert len(numbers_of_late()) == 20
    assert late_check.check_lateness(AFTER + HOUR).raised == 0
    release()
    assert run_check(AFTER + 2 * HOUR) == 30
    assert stops()[0].released_for is not None


def test_tenants_of_other_zones_are_listed_and_released_with_the_others(
    first: Company,
) -> None:
    more(first, 19)
    more(first, 15, after=9 * HOUR)
    assert late_check.check_lateness(CHECKED).stopped == ("2026-05",)
    release()
    assert run_check(CHECKED + HOUR) == 20
    assert run_check(CHECKED + 9 * HOUR) == 15
    assert stops()[0].released_at == AFTER


def test_late_tenants_without_a_flag_are_listed_with_what_it_waits_for(
    first: Company,
) -> None:
    def listed(at: datetime) -> list[tuple[str, str, int]]:
        with unit_of_work.acting_for(unit_of_work.STAFF, reading=True):
            rows = undecided_queries.list_undecided("", at=at, most=50)
            assert undecided_queries.count_undecided("2026-05", at=at) == len(rows)
            assert undecided_queries.count_undecided("2026-04", at=at) == 0
        return [(one.number, one.reason, one.days) for one in rows]

    assert listed(DUE) == []
    assert listed(CHECKED) == [("L-000", UndecidedReason.NEXT_RUN, 2)]
    received_only(first, b"no usage file", at=DUE - HOUR)
    assert listed(CHECKED) == [("L-000", UndecidedReason.UNJUDGED, 2)]
    more(first, 19)
    late_check.check_lateness(CHECKED)
    # One waits for us, so that not all of them are certainly late.
    assert {reason for _, reason, _ in listed(AFTER)} == {
        UndecidedReason.NEXT_RUN,
        UndecidedReason.UNJUDGED,
    }
    late_check.check_lateness(CHECKED + 27 * HOUR)
    assert {reason for _, reason, _ in listed(AFTER + 27 * HOUR)} == {
        UndecidedReason.STOPPED
    }
