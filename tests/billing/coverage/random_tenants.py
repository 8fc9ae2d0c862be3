"""Generates random tenants with long histories and all kinds of anomalies."""

from dataclasses import replace
from datetime import date, datetime, timedelta
from random import Random

from billing.coverage.calendar import (
    ExcuseFact,
    ExcuseKind,
    FileFact,
    HeldFact,
    Mode,
    ServerFact,
    TenantFacts,
)
from billing.coverage.facts import RefusedFact
from billing.coverage.periods import Period, deadline_at, zone_named
from tests.billing.coverage.random_histories import (
    DAY,
    PLACES,
    delivered,
    life,
    sha,
)


def distorted(rng: Random, files: list[FileFact]) -> list[FileFact]:
    """Clocks set, days assigned, predecessors renamed: anything but honest time."""
    share = rng.choice([0.0, 0.03, 0.3])
    result = []
    for fact in files:
        if rng.random() >= share:
            result.append(fact)
            continue
        shift = DAY * rng.randint(-50, 50)
        kind = rng.randrange(4)
        if kind == 0:
            changed = replace(
                fact,
                day=fact.day + shift,
                opened_at=fact.opened_at + shift,
                closed_at=fact.closed_at + shift,
            )
        elif kind == 1:
            changed = replace(fact, day=fact.day + shift)
        elif kind == 2:
            changed = replace(fact, closed_at=fact.closed_at + abs(shift))
        else:
            changed = replace(fact, previous=rng.choice([None, sha("other")]))
        result.append(changed)
    return result


def odd_excuses(
    rng: Random, period: Period, written: list[FileFact], *, due: datetime
) -> list[ExcuseFact]:
    excuses = []
    for kind in ExcuseKind:
        asked = due + DAY * rng.randint(-9, 3)
        a_file = rng.choice(written)
        excuses.append(
            ExcuseFact(
                server=a_file.server,
                kind=kind,
                asked_at=asked,
                approved_at=rng.choice([None, asked]),
                days=some_days(rng, period),
                series=rng.choice([None, a_file.series]),
                first_sequence=a_file.sequence,
                last_sequence=a_file.sequence + rng.randint(0, 9),
            )
        )
    return excuses


def tenant(rng: Random) -> tuple[Period, TenantFacts]:
    """A tenant of a few servers with long histories and everything that can be odd."""
    zone, period = rng.choice(PLACES)
    files: list[FileFact] = []
    held: list[HeldFact] = []
    servers = []
    excuses: list[ExcuseFact] = []
    due = deadline_at(period, zone_named(zone))
    for name in ["IC01", "IC02", "IC03"][: rng.randint(1, 3)]:
        first = period.starts_on - DAY * rng.choice([0, 30, 70])
        last = period.ends_on + DAY * rng.choice([1, 20, 60])
        written = life(rng, server=name, zone=zone, first=first, last=last)
        facts = [
            replace(fact, received_at=due + DAY * rng.randint(-20, 10))
            for fact in distorted(rng, delivered(rng, written))
        ]
        waiting = rng.sample(facts, rng.choice([0, 0, min(3, len(facts))]))
        held += [
            HeldFact(server=name, received_at=fact.received_at, file=fact)
            for fact in waiting
        ]
        for fact in waiting:
            if rng.random() < 0.5:
                facts.remove(fact)
            else:  # a conflict: another file of the same number was accepted
                facts[facts.index(fact)] = replace(fact, sha256=sha(fact.sha256))
        files += facts
        if rng.random() < 0.8:
            days = list(period.days())
            servers.append(
                ServerFact(
                    name=name,
                    first_owed_on=rng.choice([None, None, rng.choice(days)]),
                    retired_on=rng.choice([None, None, rng.choice(days)]),
                    zone=zone,
                )
            )
        excuses += odd_excuses(rng, period, written, due=due)
    switch = rng.choice(list(period.days()))
    modes = rng.choices(list(Mode), k=2, weights=[1, 6, 2])
    return period, TenantFacts(
        zone=zone,
        first_on=rng.choice([None, None, switch]),
        collects=lambda day: modes[day >= switch],
        servers=tuple(servers),
        files=tuple(files),
        held=tuple(held),
        excuses=tuple(excuses),
    )


def some_refused(rng: Random, facts: TenantFacts, *, due: datetime) -> TenantFacts:
    """The same, but that some of what waits was refused around the deadline."""
    waiting: list[HeldFact | ExcuseFact] = [*facts.held]
    waiting += [one for one in facts.excuses if not one.approved_at]
    gone = rng.sample(waiting, rng.randint(0, len(waiting)))
    return replace(
        facts,
        held=tuple(one for one in facts.held if one not in gone),
        excuses=tuple(one for one in facts.excuses if one not in gone),
        refused=tuple(
            RefusedFact(what=one, refused_at=due + timedelta(days=rng.randint(-5, 20)))
            for one in gone
        ),
    )


def some_days(rng: Random, period: Period) -> frozenset[date]:
    days = list(period.days())
    start = rng.randrange(len(days))
    return frozenset(days[start : start + rng.choice([0, 0, 1, 4, 9])])
