"""Licences with their history, day by day, through to calendar and standing."""

from datetime import UTC, date, datetime
from random import Random
from typing import Any

import pytest

from billing.coverage.facts import Mode
from billing.coverage.licences import AUTOMATED, KEYS, MANUAL, VIRTUAL_CLOUD
from billing.coverage.periods import Period
from billing.coverage.standing import Judgement, Standing
from billing.models import (
    ExcuseKindChoices,
    LicenceRequest,
    PeriodSummary,
    TenantPeriod,
)
from billing.periods import open_periods
from billing.periods.queries import view_period
from billing.requests import excuses
from billing.requests import licences as licence_requests
from portal.db import unit_of_work
from portal.errors import Refused
from portal.models import AuditEntry
from tests.billing.periods.summary_differences import differing
from tests.builders import NOW, Company
from usage.models import Server

MAY = Period(2026, 5)
AFTER = datetime(2026, 6, 9, 12, tzinfo=UTC)


@pytest.fixture(autouse=True)
def _opened(alice: Company) -> None:
    open_periods.open_current_periods(today=date(2026, 6, 30), at=NOW)


def may(day: int) -> date:
    return date(2026, 5, day)


def record(company: Company, from_on: date, *keys: str) -> None:
    licence_requests.set_licences(
        company.id, from_on=from_on, keys=keys, by="clerk", at=AFTER
    )


def request_licences(
    company: Company, from_on: date, *keys: str, reason: str = "A new contract."
) -> LicenceRequest | None:
    requested = licence_requests.RequestedLicences(
        from_on=from_on, keys=keys, reason=reason
    )
    return licence_requests.request_licences(
        company.id, requested=requested, by="admin", at=AFTER
    )


def current_judgement(
    company: Company, *, period: Period = MAY, at: datetime = AFTER
) -> Judgement:
    """What is so; the stored summaries agree."""
    assert differing(company) == []
    with unit_of_work.acting_for(company.id, reading=True):
        return view_period(period, at=at).judgement


def modes(found: Judgement) -> dict[int, Mode]:
    return {day.day: cell.mode for (_, day), cell in found.calendar.cells.items()}


def test_automated_from_the_tenth_on_is_a_fault_and_not_late(alice: Company) -> None:
    record(alice, may(10), AUTOMATED)
    found = current_judgement(alice)
    said = modes(found)
    assert {said[day] for day in (28, 29, 30, 1, 9)} >= {Mode.MANUAL}
    assert {day for day, mode in said.items() if mode is Mode.AUTOMATED} == set(
        range(10, 28)
    )
    assert max(day for _, day in found.late) == may(9)
    assert min(one.day for one in found.calendar.missing if one.is_fault) == may(10)
    with unit_of_work.acting_for(alice.id, reading=True):
        row = PeriodSummary.objects.get(period="2026-05")
    assert (len(row.missing_from), len(row.fault_from)) == (12, 18)


def test_a_tenant_without_any_key_owes_nothing(alice: Company) -> None:
    record(alice, date(2026, 4, 28))
    assert current_judgement(alice).standing is Standing.NOTHING_OWED
    assert not current_judgement(alice).calendar.cells


def test_licences_that_end_in_mid_period_and_begin_again(alice: Company) -> None:
    record(alice, may(5))
    record(alice, may(20), VIRTUAL_CLOUD)
    said = modes(current_judgement(alice))
    assert sorted(said) == [1, 2, 3, 4, *range(20, 31)]
    assert {said[day] for day in range(20, 28)} == {Mode.AUTOMATED}


def test_a_change_on_the_same_day_takes_the_place_of_the_first(alice: Company) -> None:
    record(alice, may(10), AUTOMATED)
    record(alice, may(10), MANUAL, AUTOMATED)
    assert set(modes(current_judgement(alice)).values()) == {Mode.MANUAL}
    with unit_of_work.acting_for(alice.id, reading=True):
        history = [(one.from_on, one.keys) for one in licence_requests.changes()]
    assert history == [
        (may(10), [MANUAL, AUTOMATED]),
        (date(2026, 4, 28), [MANUAL]),
    ]


def test_a_change_holds_until_the_next_one(alice: Company) -> None:
    record(alice, may(20), AUTOMATED)
    record(alice, may(10))
    assert sorted(modes(current_judgement(alice))) == [*range(1, 10), *range(20, 31)]


@pytest.mark.parametrize(
    ("held", "wanted"),
    [
        ((), (AUTOMATED,)),
        ((), (MANUAL,)),
        ((AUTOMATED,), (MANUAL,)),
        ((AUTOMATED,), (AUTOMATED, MANUAL)),
        ((AUTOMATED,), (VIRTUAL_CLOUD,)),
    ],
)
def test_what_raises_the_debt_takes_effect_at_once(
    alice: Company, held: tuple[str, ...], wanted: tuple[str, ...]
) -> None:
    record(alice, may(2), *held)
    assert request_licences(alice, may(10), *wanted, reason="") is None
    with unit_of_work.acting_for(alice.id, reading=True):
        newest = licence_requests.changes()[0]
    assert (newest.from_on, set(newest.keys)) == (may(10), set(wanted))
    assert newest.changed_by == "admin"
    current_judgement(alice)


@pytest.mark.parametrize(
    ("held", "wanted"),
    [
        ((MANUAL,), (AUTOMATED,)),
        ((MANUAL, AUTOMATED), (VIRTUAL_CLOUD,)),
        ((MANUAL,), ()),
        ((AUTOMATED,), ()),
    ],
)
def test_what_lowers_the_debt_waits_for_approval(
    alice: Company, held: tuple[str, ...], wanted: tuple[str, ...]
) -> None:
    if held != (MANUAL,):
        record(alice, may(2), *held)
    before = modes(current_judgement(alice))
    request = request_licences(alice, may(10), *wanted)
    assert request is not None
    assert modes(current_judgement(alice)) == before
    licence_requests.approve(alice.id, request_id=request.pk, by="clerk", at=AFTER)
    after = modes(current_judgement(alice))
    assert after != before
    assert {day: after[day] for day in range(1, 10)} == {
        day: before[day] for day in range(1, 10)
    }


def test_withdrawn_or_refused_nothing_changes(alice: Company) -> None:
    before = modes(current_judgement(alice))
    first = request_licences(alice, may(10))
    assert first is not None
    licence_requests.withdraw(alice.id, request_id=first.pk, by="admin", at=AFTER)
    second = request_licences(alice, may(10))
    assert second is not None
    licence_requests.refuse(
        alice.id, request_id=second.pk, by="clerk", at=AFTER, reason="You hold one."
    )
    assert modes(current_judgement(alice)) == before
    for act in (licence_requests.approve, licence_requests.refuse):
        with pytest.raises(Refused, match="decided-already"):
            act(alice.id, request_id=second.pk, by="x", at=AFTER, reason="Why not.")
    with unit_of_work.acting_for(alice.id, reading=True):
        acts = AuditEntry.objects.filter(act__startswith="licences-")
        told = list(acts.order_by("number").values_list("act", flat=True))
    assert told == [
        "licences-recorded",
        "licences-asked",
        "licences-withdrawn",
        "licences-asked",
        "licences-refused",
    ]


def test_what_cannot_be_asked_for(alice: Company, charlie: Company) -> None:
    def refusal(*keys: str, **changes: Any) -> str:
        with pytest.raises(Refused) as caught:
            request_licences(alice, may(10), *keys, **changes)
        return caught.value.code

    assert refusal(MANUAL) == "nothing-to-change"
    assert refusal("I3_ACCESS_CLIENT") == "input-invalid"
    assert refusal(AUTOMATED, reason=" ") == "reason-needed"
    request = request_licences(alice, may(10))
    assert request is not None
    assert refusal(AUTOMATED) == "asked-already"
    with pytest.raises(Refused, match="nothing-to-change"):
        record(alice, may(10), MANUAL)
    # What is Alice's is nothing to Charlie.
    with pytest.raises(Refused, match="not-found"):
        licence_requests.withdraw(
            charlie.id, request_id=request.pk, by="charlie", at=AFTER
        )
    with unit_of_work.acting_for(charlie.id, reading=True):
        assert list(licence_requests.open_requests()) == []
    with unit_of_work.acting_for(unit_of_work.STAFF, reading=True):
        assert [one.pk for one in licence_requests.open_requests()] == [request.pk]


def test_periods_that_are_owed_by_it_open(charlie: Company) -> None:
    record(charlie, may(1), AUTOMATED)
    with unit_of_work.acting_for(charlie.id, reading=True):
        opened = list(TenantPeriod.objects.order_by("period"))
    assert [one.period for one in opened] == ["2026-05", "2026-06"]
    assert differing(charlie) == []


@pytest.mark.parametrize("seed", range(2))
def test_summaries_equal_the_recomputation_whatever_is_requested_and_decided(
    alice: Company, seed: int
) -> None:
    rng = Random(seed)
    for data in alice.server.days(date(2026, 4, 28), date(2026, 6, 20)):
        if rng.random() < 0.7:
            alice.send(data, at=datetime(2026, 6, 21, tzinfo=UTC))
    with unit_of_work.acting_for(alice.id, reading=True):
        server = Server.objects.get()
    for _ in range(12):
        at = datetime(2026, rng.choice([6, 7]), rng.randint(22, 28), tzinfo=UTC)
        if rng.random() < 0.4:
            _some_licences(rng, alice, at=at)
        else:
            _some_excuse(rng, alice, server, at=at)
        assert differing(alice) == []


def _some_licences(rng: Random, company: Company, *, at: datetime) -> None:
    keys = [key for key in KEYS if rng.random() < 0.5]
    from_on = date(2026, rng.choice([4, 5, 6]), rng.randint(1, 28))
    requested = licence_requests.RequestedLicences(
        from_on=from_on, keys=keys, reason="A new contract."
    )
    try:
        asked = licence_requests.request_licences(
            company.id, requested=requested, by="admin", at=at
        )
    except Refused as refusal:
        if refusal.code not in {"nothing-to-change", "asked-already"}:
            raise
        return
    if asked is not None:
        act = rng.choice([licence_requests.approve, licence_requests.refuse])
        act(company.id, request_id=asked.pk, by="clerk", at=at, reason="So it is.")


def _some_excuse(
    rng: Random, company: Company, server: Server, *, at: datetime
) -> None:
    period = rng.choice([MAY, Period(2026, 6)])
    with unit_of_work.acting_for(company.id, reading=True):
        found = view_period(period, at=at).judgement.calendar
    if not found.missing:
        return
    some = rng.sample(found.missing, k=min(len(found.missing), rng.randint(1, 4)))
    what: dict[str, Any] = {"days": frozenset(one.day for one in some)}
    kind = rng.choice(list(ExcuseKindChoices))
    if found.missing_files and rng.random() < 0.4:
        gap = rng.choice(found.missing_files)
        numbers = (
            gap.first_sequence,
            rng.randint(gap.first_sequence, gap.last_sequence),
        )
        what, kind = {"series": gap.series, "numbers": numbers}, ExcuseKindChoices.LOST
    request = excuses.ExcuseRequest(
        server_id=server.pk, kind=kind, period=period, reason="It burnt.", **what
    )
    try:
        excuse = excuses.request_excuse(company.id, request=request, by="admin", at=at)
    except Refused as refusal:
        if refusal.code != "asked-already":
            raise
        return
    assert differing(company) == []
    act = rng.choice([excuses.approve, excuses.refuse, None])
    if act is not None:
        act(company.id, excuse_id=excuse.pk, by="clerk", at=at, reason="So it is.")
