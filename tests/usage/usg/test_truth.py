"""The counts of `emulate --truth` equal those of counting every second."""

import random
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from tests.samples.usg import cases
from usage.usg import Flag, Sessions, read, summarise
from usage.usg.emulator.counting import TOTALS, CountedRow, count
from usage.usg.emulator.directory import Options, emulate, server_names
from usage.usg.emulator.history import ServerHabits
from usage.usg.emulator.truth import Truth, period_of, starts_at

pytestmark = pytest.mark.plain

AGENT_LINES = (TOTALS, "agent")
RECORDER_LINES = (*AGENT_LINES, "add_on:I3_ACCESS_RECORDER")
BUSINESS_LINES = (TOTALS, "business")
LINES = (*RECORDER_LINES, "business")
SIGNING = {name: cases.secret(name) for name in server_names(3)}
HEADER = replace(
    cases.HEADER,
    day=date(2026, 5, 4),
    zone="UTC",
    opened_at=datetime(2026, 5, 4, tzinfo=UTC),
    closed_at=datetime(2026, 5, 5, tzinfo=UTC),
)


def trusts(server: str, signer: bytes) -> bool:
    return True


def emulated(folder: Path, **changed: Any) -> dict[str, Any]:
    truth = Truth()
    defaults: dict[str, Any] = {
        "tenant": "C-7",
        "servers": 3,
        "from_day": date(2026, 5, 25),
        "to_day": date(2026, 5, 30),
        "users": 60,
        "seed": 7,
        "sealing_public_key": cases.SEALING.public,
        "signing_keys": SIGNING,
        "truth": truth,
    }
    emulate(folder, **{**defaults, **changed})
    return truth.as_dict()


def users_at(rows: list[CountedRow], second: int) -> dict[str, set[str]]:
    on = {
        line: {
            row.user
            for row in rows
            if line in row.lines and row.start <= second < row.end
        }
        for line in LINES
    }
    on["business"] -= on["agent"]
    return on


def drawn(dice: random.Random) -> CountedRow:
    start = dice.randrange(40)
    lines = dice.choice([AGENT_LINES, RECORDER_LINES, BUSINESS_LINES])
    is_login = dice.random() < 0.5
    return CountedRow(
        dice.choice("abcde"), start, start + dice.randrange(1, 15), lines, is_login
    )


@pytest.mark.parametrize("seed", range(40))
def test_counting_agrees_with_counting_each_second(seed: int) -> None:
    dice = random.Random(seed)
    rows = [drawn(dice) for _ in range(seed % 12)]
    states = [users_at(rows, second) for second in range(10, 30)]
    for line, figures in count(rows, 10, 30, LINES).items():
        sizes = [len(state[line]) for state in states]
        assert figures.used_seconds == sum(sizes)
        assert figures.peak == max(sizes)
        first = 10 + sizes.index(max(sizes)) if max(sizes) else None
        assert figures.peak_at == first
        # The seconds of the span in which each row of the line is open.
        seconds = [
            len([second for second in range(10, 30) if row.start <= second < row.end])
            for row in rows
            if line in row.lines
        ]
        assert figures.row_seconds == sum(seconds)
        begun = [row for row in rows if line in row.lines and 10 <= row.start < 30]
        assert figures.logins == sum(row.is_login for row in begun)


def test_rows_of_no_length_are_users_and_logins_without_seconds() -> None:
    rows = [
        CountedRow("a", at, at, AGENT_LINES, is_login=True) for at in (9, 10, 29, 30)
    ]
    figures = count(rows, 10, 30, LINES)["agent"]
    assert (figures.users, figures.logins) == ({"a"}, 2)
    assert (figures.row_seconds, figures.peak, figures.peak_at) == (0, 0, None)


def test_a_business_user_is_not_counted_while_an_agent() -> None:
    rows = [
        CountedRow("a", 0, 100, BUSINESS_LINES, is_login=True),
        CountedRow("a", 20, 60, RECORDER_LINES, is_login=False),
        CountedRow("b", 50, 70, BUSINESS_LINES, is_login=True),
    ]
    found = count(rows, 0, 200, LINES)
    assert found["business"].users == {"b"}
    assert found["business"].used_seconds == 60 + 20
    assert (found["business"].peak, found["business"].peak_at) == (2, 60)
    assert found["agent"].used_seconds == 40
    assert found[TOTALS].users == {"a", "b"}
    assert found[TOTALS].used_seconds == 120
    assert found[TOTALS].row_seconds == 160
    # On a span that the agent's row does not touch, the user is a business user.
    assert count(rows, 60, 200, LINES)["business"].users == {"a", "b"}


def counted(sessions: Sessions, **kinds: str) -> dict[str, Any]:
    truth = Truth(kinds) if kinds else Truth()
    truth.add("a.usg", HEADER, sessions, None)
    period: dict[str, Any] = truth.as_dict()["periods"][0]
    return period


def test_keys_are_compared_without_ending_and_names_folded() -> None:
    sessions = Sessions(
        users=["Jörg", " JÖRG ", "eva", "max"],
        licence_sets=[
            ["I3_ACCESS_ACD_MEDIA_1_CONCURRENT", "I3_ACCESS_CLIENT"],
            ["I3_ACCESS_RECORDER"],
            ["I3_ACCESS_CLIENT"],
            ["UNKNOWN"],
        ],
        user=[0, 1, 2, 3],
        licences=[0, 1, 2, 3],
        login=[0, 10, 10, 0],
        logout=[20, 30, 40, 86_400],
        flags=[Flag.FROM_BEFORE, Flag.CONTINUES, 0, Flag.GOES_ON],
    )
    period = counted(sessions)
    assert period["rows"] == 3
    assert period["logins"] == 1
    assert period["named_users"] == 2
    assert period["row_seconds"] == 70
    assert period["used_seconds"] == 60
    assert (period["peak"], period["peak_at"]) == (2, "2026-05-04T00:00:10Z")
    lines = period["lines"]
    assert set(lines) == {
        "agent",
        "business",
        "add_on:I3_ACCESS_IPA_USER",
        "add_on:I3_ACCESS_RECORDER",
    }
    assert lines["agent"]["named_users"] == 1
    assert lines["add_on:I3_ACCESS_RECORDER"]["row_seconds"] == 20
    assert lines["add_on:I3_ACCESS_IPA_USER"]["peak_at"] is None
    assert period["days"]["2026-05-04"] == lines
    assert period["days"]["2026-05-05"]["agent"]["named_users"] == 0
    assert len(period["days"]) == 30
    assert list(counted(sessions, UNKNOWN="business")["lines"]) == ["agent", "business"]
    assert counted(sessions, UNKNOWN="business")["row_seconds"] == 86_400


def test_an_instant_at_the_closing_belongs_to_the_last_second() -> None:
    sessions = Sessions(
        ["a"], [["I3_ACCESS_CLIENT"]], [0], [0], [86_400], [86_400], [0]
    )
    days = counted(sessions)["days"]
    assert days["2026-05-04"]["business"]["logins"] == 1
    assert days["2026-05-05"]["business"]["logins"] == 0


def test_the_counts_are_those_of_the_written_files(tmp_path: Path) -> None:
    truth = emulated(tmp_path, options=Options(damage=["cut", "missing"]))
    expected = cases.expected(
        tenant="C-7", received_at=datetime(2026, 6, 2, tzinfo=UTC), is_trusted=trusts
    )
    found = [
        summarise(reading.day)
        for path in tmp_path.iterdir()
        if (reading := read(path.read_bytes(), expected)).day
    ]
    for figure in ("rows", "logins"):
        counts = sum(period[figure] for period in truth["periods"])
        assert counts == sum(getattr(totals, figure) for totals in found) > 0
    seconds = sum(period["row_seconds"] for period in truth["periods"])
    assert seconds == sum(totals.used_seconds for totals in found)


def test_the_truth_has_counts_for_each_period(tmp_path: Path) -> None:
    truth = emulated(tmp_path, options=Options(habits=ServerHabits(0, 0, 0, 0)))
    may, june = truth["periods"]
    assert (may["period"], may["files"]) == ("2026-05", 9)
    assert (june["period"], june["files"]) == ("2026-06", 9)
    for period in (may, june):
        agent, business = period["lines"]["agent"], period["lines"]["business"]
        for figure in ("named_users", "logins", "row_seconds", "used_seconds"):
            assert period[figure] == agent[figure] + business[figure] > 0
        assert period["used_seconds"] < period["row_seconds"]
        assert period["peak"] <= agent["peak"] + business["peak"]
        for line, figures in period["lines"].items():
            days = [day[line] for day in period["days"].values()]
            for figure in ("logins", "row_seconds", "used_seconds"):
                assert figures[figure] == sum(day[figure] for day in days)
            assert figures["peak"] == max(day["peak"] for day in days)


def test_damaged_and_missing_files_are_listed_and_not_counted(tmp_path: Path) -> None:
    quiet = ServerHabits(0, 0, 0, 0)
    damage = ["missing", "cut", "conflict"]
    sound = emulated(tmp_path / "a", options=Options(habits=quiet))
    truth = emulated(tmp_path / "b", options=Options(habits=quiet, damage=damage))
    hit = [file for file in truth["files"] if file["damage"]]
    assert sorted(file["damage"] for file in hit) == sorted(damage)
    assert not any(file["counted"] for file in hit)
    assert len(truth["files"]) == 6 * 3 + 1
    count_of = sum(period["files"] for period in truth["periods"])
    assert count_of == sum(file["counted"] for file in truth["files"]) == 6 * 3 - 2
    for before, after in zip(sound["periods"], truth["periods"], strict=True):
        assert after["rows"] <= before["rows"]
    written = {path.name for path in (tmp_path / "b").iterdir()}
    missing = {file["name"] for file in hit if file["damage"] == "missing"}
    assert {file["name"] for file in truth["files"]} - missing == written


@pytest.mark.parametrize(
    ("day", "period"),
    [
        (date(2026, 4, 27), "2026-04"),
        (date(2026, 4, 28), "2026-05"),
        (date(2026, 12, 31), "2027-01"),
        (date(2027, 1, 31), "2027-02"),
    ],
)
def test_a_period_begins_on_the_28th(day: date, period: str) -> None:
    assert period_of(day) == period


@pytest.mark.parametrize(
    ("zone", "day", "start"),
    [
        ("Europe/Zurich", date(2026, 5, 4), datetime(2026, 5, 3, 22, tzinfo=UTC)),
        # 00:00 is shown twice; skipped; and skipped since half an hour before it.
        ("America/Havana", date(2028, 11, 5), datetime(2028, 11, 5, 5, tzinfo=UTC)),
        ("America/Santiago", date(2027, 9, 5), datetime(2027, 9, 5, 4, tzinfo=UTC)),
        (
            "America/Toronto",
            date(1919, 3, 31),
            datetime(1919, 3, 31, 4, 30, tzinfo=UTC),
        ),
    ],
)
def test_a_day_begins_at_midnight(zone: str, day: date, start: datetime) -> None:
    assert starts_at(day, ZoneInfo(zone)) == start
    before = start - timedelta(seconds=1)
    assert before.astimezone(ZoneInfo(zone)).date() <= day
