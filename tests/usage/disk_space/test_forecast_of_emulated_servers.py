"""Forecasts come within 10 % of what the emulator writes afterwards.

Each server writes half a year and a quarter more; the forecast sees the half year. It
is compared with the real bytes of the files of the month and the quarter after it.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import date, timedelta
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest

from tests.samples.usg import cases
from usage.disk_space.days import SeriesDay, day_sizes
from usage.disk_space.estimate import estimate_of
from usage.disk_space.forecast import Forecast, forecast_of
from usage.disk_space.trends import Growth
from usage.usg.emulator.directory import (
    EmulationPlan,
    Options,
    SeriesTail,
    contents,
    emulate,
    tails_of,
)
from usage.usg.emulator.history import ServerHabits

pytestmark = [pytest.mark.plain, pytest.mark.slow]

DAY, WEEK = timedelta(days=1), timedelta(days=7)
FIRST = date(2026, 1, 5)
KNOWN, WEEKS = 26, 39
MONTH, QUARTER = 30, 91

HOLIDAYS = frozenset(
    {date(2026, 4, 3), date(2026, 4, 6), date(2026, 5, 1), date(2026, 7, 3)}
)


WEEKENDS = frozenset(
    day for number in range(WEEKS * 7) if (day := FIRST + number * DAY).weekday() >= 5
)


@dataclass(frozen=True)
class Grown:
    """Users and logins of each by week; the seed is that of everything else."""

    users: Callable[[int], float]
    logins: Callable[[int], float] = lambda _: 4.0
    habits: ServerHabits = field(default_factory=ServerHabits)
    seed: int = 2


GROWN = {
    "constant": Grown(lambda _: 80),
    "more users each week": Grown(lambda week: 40 + 2.5 * week),
    "more logins each week": Grown(lambda _: 60, lambda week: 2 + 0.15 * week),
    "5 % more a month": Grown(lambda week: 50 * 1.05 ** (week / 4.345)),
    "10 % more a month": Grown(lambda week: 40 * 1.1 ** (week / 4.345)),
    "a new site": Grown(lambda week: 50 if week < 15 else 100),
    "a new site three weeks ago": Grown(lambda week: 50 if week < 23 else 100),
    "no weekends": Grown(
        lambda _: 80, habits=ServerHabits(0.0, 0.0, 0.0, 0.0, off=WEEKENDS | HOLIDAYS)
    ),
    "restarts": Grown(lambda _: 80, habits=ServerHabits(0.4, 0.1, 0.1, 0.02)),
}


@cache
def written(name: str) -> list[SeriesDay]:
    """Return what a server has written on all days, from the files themselves."""
    grown, found = GROWN[name], []
    tails: dict[str, SeriesTail] = {}
    with TemporaryDirectory() as directory:
        for week in range(WEEKS):
            first = FIRST + week * WEEK
            files = emulate(
                Path(directory),
                tenant="C-7",
                servers=1,
                from_day=first,
                to_day=first + 6 * DAY,
                users=round(grown.users(week)),
                seed=grown.seed,
                sealing_public_key=cases.SEALING.public,
                signing_keys={"IC01": cases.secret("IC01")},
                options=Options(
                    habits=grown.habits,
                    logins_each=grown.logins(week),
                    tails=tails,
                ),
            )
            tails = {**tails, **tails_of(files)}
            found += [
                SeriesDay(
                    series=one.header.series,
                    day=one.day,
                    first=one.sequence,
                    last=one.sequence,
                    files=1,
                    size=one.path.stat().st_size,
                    logins=0,
                    safe=0,
                    safe_on=None,
                )
                for one in files
                if one.path
            ]
    return found


def cut() -> date:
    return FIRST + KNOWN * WEEK


def forecast(name: str) -> Forecast:
    found = forecast_of(day_sizes([one for one in written(name) if one.day < cut()]))
    assert found is not None
    return found


def bytes_of(name: str, first: date, days: int) -> int:
    last = first + days * DAY
    return sum(one.size for one in written(name) if first <= one.day < last)


@pytest.mark.parametrize("name", GROWN)
def test_a_forecast_is_within_a_tenth_of_what_is_written(name: str) -> None:
    for days in (MONTH, QUARTER):
        found = forecast(name).between(cut(), cut() + (days - 1) * DAY)
        really = bytes_of(name, cut(), days)
        assert found.expected == pytest.approx(really, rel=0.1)
        assert found.low <= really <= found.high


@pytest.mark.parametrize(
    ("name", "kinds"),
    [
        ("constant", {Growth.NONE}),
        ("no weekends", {Growth.NONE}),
        ("more users each week", {Growth.LINEAR, Growth.PERCENT}),
        ("10 % more a month", {Growth.LINEAR, Growth.PERCENT}),
    ],
)
def test_the_kind_of_growth_is_recognised(name: str, kinds: set[Growth]) -> None:
    trend = forecast(name).trend
    assert trend.growth in kinds
    assert trend.goes_on == (Growth.NONE not in kinds)
    assert trend.step is None


@pytest.mark.parametrize(
    ("name", "weeks"), [("a new site", 11), ("a new site three weeks ago", 3)]
)
def test_a_new_site_is_recognised(name: str, weeks: int) -> None:
    trend = forecast(name).trend
    assert trend.weeks == weeks
    assert trend.step is not None
    assert 1.5 < trend.step < 2.1


def test_a_server_that_is_off_on_weekends_needs_nothing_then() -> None:
    found = forecast("no weekends")
    assert found.weekdays[5:] == (0, 0)
    saturday = cut() + (5 - cut().weekday()) % 7 * DAY
    assert found.between(saturday, saturday + DAY).high == 0


def test_restarts_are_part_of_the_bytes_of_a_day() -> None:
    days = day_sizes(written("restarts"))
    again = [one for one in days if one.files > 1]
    assert len(again) > 80
    assert sum(one.size for one in days) == sum(one.size for one in written("restarts"))


@pytest.mark.parametrize(
    ("users", "logins"), [(10, 1), (100, 2), (100, 16), (1_000, 1), (1_000, 16)]
)
def test_an_estimate_is_within_a_quarter_of_what_is_written(
    tmp_path: Path, users: int, logins: float
) -> None:
    keys = {"IC01": cases.secret("IC01")}
    options = Options(logins_each=logins)
    [file] = emulate(
        tmp_path,
        tenant="C-7",
        servers=1,
        from_day=FIRST,
        to_day=FIRST,
        users=users,
        seed=2,
        sealing_public_key=cases.SEALING.public,
        signing_keys=keys,
        options=options,
    )
    plan = EmulationPlan(
        tenant="C-7",
        signing=keys,
        sealing_public=cases.SEALING.public,
        from_day=FIRST,
        to_day=FIRST,
        users=users,
        seed=2,
        options=options,
    )
    [(_, sessions)] = contents(plan, "IC01")
    present = len(sessions.users)
    assert file.path is not None
    assert estimate_of(present, len(sessions.user) / present).day == pytest.approx(
        file.path.stat().st_size, rel=0.25
    )
