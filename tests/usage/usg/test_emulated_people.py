"""The people of the emulator behave like those of a contact centre."""

from collections.abc import Sequence
from datetime import date, timedelta
from zoneinfo import ZoneInfo

import numpy as np
import pytest

from usage.usg.emulator import attendance
from usage.usg.emulator.dice import Dice
from usage.usg.emulator.directory import EmulationPlan, Options
from usage.usg.emulator.history import ServerHabits, ServerHistory
from usage.usg.emulator.logins import LoginTable, shift_logins
from usage.usg.emulator.people import People, at_work, staff_of
from usage.usg.emulator.roles import KINDS, LICENCE_SETS, role_of, roles_of

pytestmark = pytest.mark.plain

SEED, MONDAY = 5, date(2026, 5, 4)
HISTORY = ServerHistory("IC01", ZoneInfo("Europe/Berlin"), SEED, ServerHabits())
CROWD = People(range(2000))
DAY = 24 * 3600


def logins_on(day: date, crowd: People = CROWD) -> LoginTable:
    return shift_logins(day, HISTORY, staff_of(SEED, crowd))


def people_on(table: LoginTable, day: date, hour: float) -> int:
    at = HISTORY.midnight(day).timestamp() + hour * 3600
    return len(set(table.person[(table.start <= at) & (table.end > at)].tolist()))


def test_draws_do_not_depend_on_other_draws() -> None:
    few, many = np.array([3, 1]), np.arange(1000)
    draws = Dice(1, "day").draw("x", many)
    assert Dice(1, "day").draw("x", few).tolist() == [draws[3], draws[1]]
    assert (draws.min() >= 0, draws.max() < 1) == (True, True)
    assert 0.45 < draws.mean() < 0.55
    assert Dice(1, "day").draw("y", many).tolist() != draws.tolist()
    assert Dice(2, "day").draw("x", many).tolist() != draws.tolist()


def test_a_persons_logins_do_not_depend_on_other_people() -> None:
    all_of_them, some = logins_on(MONDAY), logins_on(MONDAY, People(range(10, 20)))
    chosen = (all_of_them.person >= 10) & (all_of_them.person < 20)
    for name in LoginTable.__slots__:
        column = getattr(all_of_them, name)[chosen]
        assert column.tolist() == getattr(some, name).tolist()


def test_role_and_shift_of_a_person_stay_the_same() -> None:
    staff = staff_of(SEED, CROWD)
    held: dict[int, set[int]] = {}
    starts: dict[int, list[float]] = {}
    for week in range(6):
        present = at_work(MONDAY + timedelta(weeks=week), SEED, staff)
        rows = zip(present.person, present.licences, present.start, strict=True)
        for person, licences, start in rows:
            held.setdefault(int(person), set()).add(int(licences))
            starts.setdefault(int(person), []).append(float(start))
    assert {len(sets) for sets in held.values()} == {1}
    assert max(max(times) - min(times) for times in starts.values()) < 20 * 60


def test_a_day_has_bunched_arrivals_a_lunch_dip_and_a_small_night_shift() -> None:
    table = logins_on(MONDAY)
    on = {hour: people_on(table, MONDAY, hour) for hour in (5, 9.75, 12.5, 15, 20, 26)}
    assert on[5] == 0
    assert on[9.75] > 1.1 * on[12.5]
    assert on[15] > 1.1 * on[12.5]
    assert on[15] > 2 * on[20] > 4 * on[26] > 0


def test_mondays_are_busiest_and_weekends_thin() -> None:
    agents = [attendance.shares(MONDAY + timedelta(days=at), 1)[0] for at in range(7)]
    assert agents[0] == max(agents)
    assert max(agents[5:]) < 0.5 * min(agents[:5])
    business = [attendance.shares(MONDAY + timedelta(days=at), 1)[1] for at in (0, 6)]
    assert business[1] < 0.05 * business[0]


def test_quiet_days_are_rare_and_the_same_on_all_servers() -> None:
    days = [MONDAY + timedelta(days=at) for at in range(365)]
    quiet = [day for day in days if attendance.is_quiet(day, SEED)]
    assert 3 <= len(quiet) <= 15
    assert all(day.weekday() < 5 for day in quiet)
    usual = attendance.shares(quiet[0] + timedelta(weeks=1), SEED)
    assert max(attendance.shares(quiet[0], SEED)) < 0.5 * min(usual)


def test_the_headcount_only_grows() -> None:
    counts = [attendance.headcount(date(year, 1, 1)) for year in range(2023, 2031)]
    assert counts[0] == counts[1]
    assert counts[1:] == sorted(counts[1:])
    assert 0.5 < counts[0] < counts[-1] < 1


@pytest.mark.parametrize("each", [0, 0.4, 1, 4, 16])
def test_logins_each_is_the_mean_of_people_at_work(each: float) -> None:
    crowd = People(range(2000), each)
    present = at_work(MONDAY, SEED, staff_of(SEED, crowd))
    mean = len(logins_on(MONDAY, crowd).person) / len(present.person)
    assert mean == pytest.approx(each, rel=0.06)


def test_no_login_lasts_beyond_the_day_after_its_shift_began() -> None:
    begin = HISTORY.midnight(MONDAY).timestamp()
    table = logins_on(MONDAY, People(range(5000), 1))
    assert table.start.min() >= begin
    assert table.end.max() > begin + DAY
    assert table.end.max() < begin + 2 * DAY
    assert (table.start <= table.change).all()
    assert (table.change <= table.end).all()


def test_some_logins_overlap_fail_or_change_from_agent_to_business() -> None:
    table = logins_on(MONDAY)
    assert 0 < (table.start == table.end).sum() < 0.01 * len(table.start)
    same = table.person[1:] == table.person[:-1]
    overlaps = same & (table.start[1:] < table.end[:-1])
    assert 0 < overlaps.sum() < 0.1 * len(same)
    changing = table.change < table.end
    assert 0 < changing.sum() < 0.1 * len(same)
    roles = [role_of(names) for names in LICENCE_SETS]
    pairs = zip(table.licences[changing], table.changed[changing], strict=True)
    changes = {(roles[before], roles[after]) for before, after in pairs}
    assert changes == {("agent", "business"), ("add_on", "agent")}


def test_business_users_keep_office_hours() -> None:
    table = logins_on(MONDAY, People(range(500), licence_sets=[["I3_ACCESS_CLIENT"]]))
    begin = HISTORY.midnight(MONDAY).timestamp()
    assert table.start.min() > begin + 7 * 3600
    assert table.end.max() < begin + 20 * 3600
    assert (table.change == table.end).all()


@pytest.mark.parametrize(
    ("sets", "roles", "other"),
    [
        (LICENCE_SETS, ["agent", "business", "agent", "add_on", "add_on"], None),
        ([["KEY_1"], ["KEY_2"]], ["agent", "agent"], [1, 0]),
        ([["I3_ACCESS_RECORDER"], []], ["add_on", "business"], [1, 1]),
    ],
)
def test_roles_follow_from_the_keys(
    sets: Sequence[Sequence[str]], roles: list[str], other: list[int] | None
) -> None:
    assert [role_of(names) for names in sets] == roles
    found = roles_of(sets)
    assert found.other.tolist() == (other or [1, 1, 1, 0, 0])
    assert found.shares.sum() == 1
    assert found.shares @ found.logins == pytest.approx(1)
    assert {name for names in LICENCE_SETS for name in names} == set(KINDS)


def test_a_few_people_also_log_in_at_another_server() -> None:
    signing = {"IC01": b"", "IC02": b"", "IC03": b""}
    plan = EmulationPlan("C-7", signing, b"", MONDAY, MONDAY, 3000, SEED)
    first, second = plan.crowd("IC01"), plan.crowd("IC02")
    home = shift_logins(MONDAY, plan.history("IC01"), staff_of(SEED, first))
    other = shift_logins(MONDAY, plan.history("IC02"), staff_of(SEED, second))
    both = set(home.person.tolist()) & set(other.person.tolist())
    assert 0 < len(both) < 0.1 * len(first.people)
    alone = EmulationPlan(
        "C-7", signing, b"", MONDAY, MONDAY, 9, SEED, Options(standby=["IC02", "IC03"])
    )
    assert (alone.crowd("IC01").candidates, alone.crowd("IC02").people) == ((), ())
