"""The emulator writes what real servers would, the same for the same seed."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, date, datetime, time, timedelta
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.samples.usg import cases
from usage.usg import (
    ClosedBy,
    Code,
    Flag,
    Reading,
    Sessions,
    Severity,
    plausible,
    read,
    signing_pair,
    summarise,
)
from usage.usg.emulator.damage import DAMAGES
from usage.usg.emulator.directory import (
    EmulatedFile,
    EmulationPlan,
    Options,
    contents,
    emulate,
    server_names,
    tails_of,
)
from usage.usg.emulator.history import ServerHabits, ServerHistory
from usage.usg.emulator.logins import shift_logins
from usage.usg.emulator.people import People, staff_of

pytestmark = pytest.mark.plain

FIRST, LAST = date(2026, 10, 20), date(2026, 11, 4)
LATER = datetime(2026, 12, 1, tzinfo=UTC)
BUSY = ServerHabits(restarts=0.3, crashes=0.2, clock_changes=0.2, days_off=0.2)
SIGNING = {name: cases.secret(name) for name in server_names(3)}


def run(directory: Path, **changed: Any) -> list[EmulatedFile]:
    defaults: dict[str, Any] = {
        "tenant": "C-7",
        "servers": 3,
        "from_day": FIRST,
        "to_day": LAST,
        "users": 40,
        "seed": 7,
        "sealing_public_key": cases.SEALING.public,
        "signing_keys": SIGNING,
        "options": Options(zone="Europe/Berlin", habits=BUSY, standby=["IC03"]),
    }
    return emulate(directory, **{**defaults, **changed})


def readings(files: Sequence[EmulatedFile]) -> list[Reading]:
    expected = cases.expected(
        tenant="C-7", received_at=LATER, is_trusted=lambda *_: True
    )
    return [read(file.path.read_bytes(), expected) for file in files if file.path]


def plan(**changed: Any) -> EmulationPlan:
    defaults: dict[str, Any] = {
        "tenant": "C-7",
        "signing": SIGNING,
        "sealing_public": cases.SEALING.public,
        "from_day": FIRST,
        "to_day": LAST,
        "users": 40,
        "seed": 7,
        "options": Options(habits=BUSY),
    }
    return EmulationPlan(**{**defaults, **changed})


def as_lists(sessions: Sessions) -> list[Any]:
    names = ("users", "licence_sets", "user", "licences", "login", "logout", "flags")
    return [
        np.asarray(getattr(sessions, name), dtype=object).tolist() for name in names
    ]


def test_every_file_is_sound_and_named_after_what_it_is(tmp_path: Path) -> None:
    files = run(tmp_path / "new" / "usage")
    for file, reading in zip(files, readings(files), strict=True):
        assert reading.problems == ()
        assert reading.header is not None
        assert reading.sha256 == file.sha256
        assert file.path is not None
        assert file.path.name == f"{file.server}_{file.day}_{file.sequence:04}.usg"


def test_numbers_never_skip_and_each_file_names_the_one_before(tmp_path: Path) -> None:
    files = run(tmp_path)
    for server in SIGNING:
        chain = [file for file in files if file.server == server]
        assert [file.sequence for file in chain] == list(range(1, len(chain) + 1))
        assert chain[0].header.previous is None
        for before, after in pairwise(chain):
            assert after.header.previous == before.sha256
            assert after.header.opened_at >= before.header.closed_at
        assert len({file.header.series for file in chain}) == 1


def test_everything_that_happens_to_servers_happens(tmp_path: Path) -> None:
    files = run(tmp_path)
    reasons = Counter(file.header.closed_by for file in files)
    assert set(reasons) == set(ClosedBy)
    days = Counter((file.server, file.day) for file in files)
    assert max(days.values()) == 2
    assert len(days) < 3 * 16
    for file, reading in zip(files, readings(files), strict=True):
        assert reading.day is not None
        if file.server == "IC03":
            assert reading.day.sessions == 0


def test_a_login_cut_by_midnight_or_a_restart_goes_on_in_the_next_file(
    tmp_path: Path,
) -> None:
    files = run(tmp_path, users=120)
    went_on = 0
    for (before, one), (after, two) in pairwise(
        zip(files, readings(files), strict=True)
    ):
        assert one.day is not None
        assert two.day is not None
        if (
            before.server != after.server
            or after.header.opened_at != before.header.closed_at
        ):
            continue
        left = sorted(
            one.day.users[index]
            for index in one.day.user[(one.day.flags & Flag.GOES_ON) != 0]
        )
        found = sorted(
            two.day.users[index]
            for index in two.day.user[(two.day.flags & Flag.FROM_BEFORE) != 0]
        )
        assert left == found
        went_on += len(left)
    assert went_on > 0


def test_files_together_count_each_login_once(tmp_path: Path) -> None:
    quiet = Options(habits=ServerHabits(0, 0, 0, 0))
    files = run(tmp_path, servers=["IC01"], options=quiet)
    counted = sum(
        summarise(reading.day).logins for reading in readings(files) if reading.day
    )
    history = ServerHistory(
        "IC01", plan(options=quiet).history("IC01").zone, 7, quiet.habits
    )
    staff = staff_of(7, People(range(40)))
    # The night shift of the evening before logs in after midnight, too.
    shifts = [FIRST + timedelta(days=at) for at in range(-1, (LAST - FIRST).days + 1)]
    first = history.midnight(FIRST).timestamp()
    end = history.midnight(LAST + timedelta(days=1)).timestamp()
    begun = 0
    for day in shifts:
        start = shift_logins(day, history, staff).start
        begun += int(((start >= first) & (start < end)).sum())
    assert counted == begun


def test_the_same_seed_gives_the_same_plaintext_and_another_another() -> None:
    def emulated(seed: int) -> list[Any]:
        return [
            (span, as_lists(rows)) for span, rows in contents(plan(seed=seed), "IC01")
        ]

    assert emulated(7) == emulated(7)
    assert emulated(7) != emulated(8)


def test_a_later_run_goes_on_as_if_it_had_been_one(tmp_path: Path) -> None:
    whole = run(tmp_path / "whole")
    middle = date(2026, 10, 27)
    first = run(tmp_path / "parts", to_day=middle)
    options = Options(
        zone="Europe/Berlin", habits=BUSY, standby=["IC03"], tails=tails_of(first)
    )
    second = run(
        tmp_path / "parts", from_day=middle + timedelta(days=1), options=options
    )
    parts = sorted([*first, *second], key=lambda file: (file.server, file.sequence))
    names = [file.path.name for file in parts if file.path]
    assert names == [file.path.name for file in whole if file.path]
    for one, other in zip(readings(whole), readings(parts), strict=True):
        assert one.day is not None
        assert other.day is not None
        assert one.day.login.tolist() == other.day.login.tolist()
        assert one.day.flags.tolist() == other.day.flags.tolist()
        assert one.day.users == other.day.users


@pytest.mark.parametrize("kind", DAMAGES)
def test_each_kind_of_damage_befalls_one_file(tmp_path: Path, kind: str) -> None:
    options = Options(habits=ServerHabits(0, 0, 0, 0), damage=[kind])
    files = run(tmp_path, users=5, servers=1, options=options)
    [hit] = [file for file in files if file.damage]
    assert hit.damage == kind
    expected = cases.expected(
        tenant="C-7",
        received_at=LATER,
        is_trusted=lambda _, key: key == signing_pair(SIGNING["IC01"]).public,
    )
    if kind == "missing":
        assert hit.path is None
        return
    assert hit.path is not None
    reading = read(hit.path.read_bytes(), expected)
    if kind == "conflict":
        [other] = [
            file for file in files if file.sequence == hit.sequence and file is not hit
        ]
        assert (other.sha256 != hit.sha256, reading.problems) == (True, ())
    else:
        assert len(reading.problems) >= 1
        assert reading.outcome not in (Severity.ACCEPT, Severity.WARN)
    sound = [file for file in files if not file.damage]
    assert all(reading.problems == () for reading in readings(sound))


def test_damage_is_counted_from_where_a_series_stood(tmp_path: Path) -> None:
    first = run(tmp_path)
    options = Options(tails=tails_of(first), damage=["missing", "cut"])
    day = LAST + timedelta(days=1)
    second = run(
        tmp_path, from_day=day, to_day=day + timedelta(days=5), options=options
    )
    assert sorted(file.damage for file in second if file.damage) == ["cut", "missing"]


def test_files_have_the_time_at_which_their_server_closed_them(tmp_path: Path) -> None:
    for file in run(tmp_path, options=Options(damage=["conflict", "cut"])):
        assert file.path is not None
        assert file.path.stat().st_mtime == file.header.closed_at.timestamp()


def test_days_off_may_be_said(tmp_path: Path) -> None:
    off = date(2026, 10, 24)
    options = Options(habits=ServerHabits(0, 0, 0, 0, off={off}))
    files = run(tmp_path, options=options)
    assert off not in {file.day for file in files}
    before = [file for file in files if file.day == off - timedelta(days=1)]
    assert {file.header.closed_by for file in before} == {ClosedBy.SHUTDOWN}


def test_a_file_that_a_crash_left_open_is_closed_at_the_last_sign_of_life(
    tmp_path: Path,
) -> None:
    """Also where the next start, which closes it, is days later."""
    off = {date(2026, 10, 24), date(2026, 10, 25)}
    habits = ServerHabits(restarts=0, crashes=1, clock_changes=0, days_off=0, off=off)
    options = Options(zone="Europe/Berlin", habits=habits)
    files = run(tmp_path, servers=1, options=options)
    found = dict(zip(files, readings(files), strict=True))
    assert all(reading.problems == () for reading in found.values())
    days_later = 0
    for before, after in pairwise(files):
        if before.header.closed_by is ClosedBy.CRASH:
            header = before.header
            midnight = datetime.combine(before.day + timedelta(days=1), time(), UTC)
            midnight -= timedelta(minutes=header.closed_offset)
            assert header.opened_at < header.closed_at < midnight
            assert header.closed_at < after.header.opened_at
            days_later += after.day > before.day
            # Closed by the clock of the next start, it would be held.
            late = replace(header, closed_at=after.header.opened_at)
            codes = [problem.code for problem in plausible.check(late, LATER)]
            assert (Code.DAY_OVERRUN in codes) == (after.day > before.day)
    assert days_later == 1
    # People were logged in when it happened, and nobody logged them out.
    last = [file for file in files if file.day < min(off)][-1]
    day = found[last].day
    assert day is not None
    assert int(Flag.GOES_ON) & int(np.bitwise_or.reduce(np.asarray(day.flags)))


def test_days_on_which_no_server_is_off_may_be_named(tmp_path: Path) -> None:
    on = date(2026, 10, 24)
    options = Options(habits=ServerHabits(days_off=1, on={on}))
    assert {file.day for file in run(tmp_path, options=options)} == {on}


def test_a_server_without_a_key_is_the_callers_mistake(tmp_path: Path) -> None:
    with pytest.raises(KeyError):
        run(tmp_path, servers=["IC09"])
