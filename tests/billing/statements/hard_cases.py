"""Names the hard cases of counting, and recognises each in a month."""

import unicodedata
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import time, timedelta
from functools import cached_property
from itertools import combinations
from typing import Any

from tests.billing.statements.brute_force import Stretch, day_span, stretches_of
from tests.billing.statements.counted_rows import (
    TOTALS,
    Usage,
    base,
    counted_files,
    counted_rows,
    counts,
    lines_of,
)
from tests.billing.statements.months import File, Month, UsageRow
from tests.billing.statements.quarter_hours import clock_at

HOUR = 3600
HUNDREDS_OF_DAYS = 300


@dataclass(frozen=True)
class Counted:
    """A month with its figures."""

    month: Month
    figures: dict[str, Any]

    @cached_property
    def rows(self) -> list[Usage]:
        return counted_rows(self.month)

    @cached_property
    def files(self) -> list[File]:
        return counted_files(self.month)

    @cached_property
    def stretches(self) -> list[Stretch]:
        return stretches_of(self.rows, lines_of(self.month))

    @cached_property
    def midnights(self) -> list[int]:
        first, length = self.month.first_day, len(self.figures["days"])
        days = [first + timedelta(days=number) for number in range(length)]
        return [day_span(day, self.month.zone)[0] for day in days]

    def used_day_lengths(self) -> set[int]:
        """Lengths in seconds of the days that somebody uses."""
        spans = zip(self.midnights, self.midnights[1:], strict=False)
        return {
            end - begin
            for begin, end in spans
            if any(row.start < end and row.end > begin for row in self.rows)
        }

    def raw_rows(self) -> Iterator[tuple[File, UsageRow]]:
        return ((file, row) for file in self.files for row in file.rows)

    def kinds(self, row: UsageRow) -> list[str | None]:
        return [self.month.kinds.get(base(key)) for key in row.licences]


def shift_of(file: File) -> int | None:
    """Days by which an assigned day moves the rows; None without one."""
    if file.assigned_day is None:
        return None
    clock = file.opened_at + timedelta(minutes=file.opened_offset)
    return (file.assigned_day - clock.date()).days


def pairs(counted: Counted) -> Iterator[tuple[Usage, Usage]]:
    """Two rows of one user at the same time."""
    for one, other in combinations(counted.rows, 2):
        if one.user == other.user and one.start < other.end and other.start < one.end:
            yield one, other


def mixes_kinds_on_two_servers(counted: Counted) -> bool:
    return any(
        one.server != other.server
        and ("agent" in one.lines) != ("agent" in other.lines)
        for one, other in pairs(counted)
    )


def doubles_on_one_server(counted: Counted) -> bool:
    return any(one.server == other.server for one, other in pairs(counted))


def becomes_agent(counted: Counted) -> bool:
    """A business row that an agent row of the same user continues at its end."""
    return any(
        before.user == after.user
        and before.end == after.start
        and after.flags & 4
        and "business" in before.lines
        and "agent" in after.lines
        for before in counted.rows
        for after in counted.rows
    )


def spelled_differently(counted: Counted) -> bool:
    names = {row.user for _, row in counted.raw_rows()}
    folded = {unicodedata.normalize("NFC", n).strip().casefold() for n in names}
    return len(folded) < len(names)


def peak_runs_over_midnight(counted: Counted) -> bool:
    peak = counted.figures["totals"]["peak"]
    at_peak = [part for part in counted.stretches if len(part.users[TOTALS]) == peak]
    return any(
        any(part.start < midnight <= part.end for part in at_peak)
        and any(part.start <= midnight < part.end for part in at_peak)
        for midnight in counted.midnights
        if peak > 1
    )


def changes_hands(counted: Counted) -> bool:
    """A logout and a login of two users at the same second."""
    ends = {(row.end, row.user) for row in counted.rows if row.start < row.end}
    return any(
        row.start == end and row.user != user
        for row in counted.rows
        for end, user in ends
    )


def closes_at_midnight_with_an_instant(counted: Counted) -> bool:
    return any(
        row.login == row.logout == file.span > 0
        and counted.kinds(row) != ["ignored"]
        and int(file.closed_at.timestamp()) in counted.midnights
        and not file.assigned_day
        for file, row in counted.raw_rows()
    )


def hides_an_unknown_key(counted: Counted) -> bool:
    """A key without a kind that only files outside the count hold."""
    keys = {
        base(key)
        for file in counted.month.files
        for row in file.rows
        for key in row.licences
    }
    return bool(keys - set(counted.month.kinds) - set(counted.figures["unclassified"]))


def has_side(side: str) -> Callable[[Counted], bool]:
    return lambda counted: any(
        day["side"] == side for day in counted.figures["outside"]
    )


def any_row(is_hard: Callable[[File, UsageRow], object]) -> Callable[[Counted], bool]:
    return lambda counted: any(is_hard(*found) for found in counted.raw_rows())


def any_usage(is_hard: Callable[[Usage], object]) -> Callable[[Counted], bool]:
    return lambda counted: any(is_hard(row) for row in counted.rows)


def any_file(is_hard: Callable[[File], object]) -> Callable[[Counted], bool]:
    return lambda counted: any(is_hard(file) for file in counted.files if file.rows)


def has_flags(flags: int) -> Callable[[Counted], bool]:
    return any_usage(lambda row: row.flags == flags)


def cut_by(closed_by: str) -> Callable[[Counted], bool]:
    return any_usage(lambda row: row.flags & 2 and row.closed_by == closed_by)


def used_day_of(hours: float) -> Callable[[Counted], bool]:
    return lambda counted: int(hours * HOUR) in counted.used_day_lengths()


def is_skipped(midnight: int, zone: str) -> bool:
    return clock_at(midnight, zone).time() != time()


def is_second(midnight: int, zone: str) -> bool:
    return clock_at(midnight - HOUR, zone) == clock_at(midnight, zone)


def is_used_near(is_odd: Callable[[int, str], bool]) -> Callable[[Counted], bool]:
    """A row begins or ends at such a midnight or in the hour before it."""
    return lambda counted: any(
        is_odd(midnight, counted.month.zone)
        and any(
            midnight - HOUR < instant <= midnight
            for row in counted.rows
            for instant in (row.start, row.end)
        )
        for midnight in counted.midnights
    )


def in_zone(*zones: str) -> Callable[[Counted], bool]:
    return lambda counted: bool(counted.rows) and counted.month.zone in zones


def is_early(month: Month, file: File) -> bool:
    day = file.assigned_day or file.day
    return not counts(month, file) and month.first_day <= day <= month.last_day


HARD_CASES: dict[str, Callable[[Counted], bool]] = {
    "agent and business at once on two servers": mixes_kinds_on_two_servers,
    "two rows at once on one server": doubles_on_one_server,
    "business becomes agent": becomes_agent,
    "several add-ons in a row": any_usage(lambda row: len(row.lines) > 3),
    "no length": any_usage(lambda row: row.start == row.end),
    "no length at the closing": any_row(
        lambda file, row: row.login == row.logout == file.span > 0
    ),
    "no length at the midnight that closes": closes_at_midnight_with_an_instant,
    "a file without a span": any_file(lambda file: file.span == 0),
    "a full hour without a span": any_file(
        lambda file: file.span == file.opened_at.minute == file.opened_at.second == 0
    ),
    "a row that is ignored": lambda counted: any(
        set(counted.kinds(row)) == {"ignored"} for _, row in counted.raw_rows()
    ),
    "a row without licences": any_row(lambda _, row: not row.licences),
    "unclassified": lambda counted: bool(counted.figures["unclassified"]),
    "unclassified in files that do not count": hides_an_unknown_key,
    "both forms of a key": any_row(
        lambda _, row: len({base(key) for key in row.licences}) < len(row.licences)
    ),
    "one form with the ending": any_row(
        lambda _, row: any(key != base(key) for key in row.licences)
    ),
    "several keys": any_row(lambda _, row: len(row.licences) > 2),
    "several spellings": spelled_differently,
    "a decomposed name": any_row(
        lambda _, row: row.user != unicodedata.normalize("NFC", row.user)
    ),
    "alike names": lambda counted: counted.figures["doubtful"]["alike_groups"] > 1,
    **{f"flags {flags}": has_flags(flags) for flags in range(8)},
    **{f"cut by {by}": cut_by(by) for by in ("shutdown", "clock", "restart", "crash")},
    "assigned its own day": any_file(lambda file: shift_of(file) == 0),
    "assigned a near day": any_file(lambda file: abs(shift_of(file) or 0) in {1, 2, 3}),
    "assigned from far off": any_file(
        lambda file: abs(shift_of(file) or 0) > HUNDREDS_OF_DAYS
    ),
    "a header far from the clock": any_file(
        lambda file: (
            abs((file.day - file.opened_at.date()).days) >= HUNDREDS_OF_DAYS - 2
        )
    ),
    "a day of another date, as it is": any_file(
        lambda file: (
            file.assigned_day is None
            and file.day
            != (file.opened_at + timedelta(minutes=file.opened_offset)).date()
        )
    ),
    "a file of more than a day": any_file(lambda file: file.span > 26 * HOUR),
    **{f"a used day of {h} hours": used_day_of(h) for h in (23, 23.5, 24.5, 25)},
    "quarters of hours": in_zone("Asia/Kathmandu"),
    "half hours": in_zone("Asia/Kolkata"),
    "use at a midnight that is skipped": is_used_near(is_skipped),
    "use between two midnights of a day": is_used_near(is_second),
    "a peak over midnight": peak_runs_over_midnight,
    "peaks that tie": lambda counted: counted.figures["totals"]["peak_runs"] > 1,
    "logout and login at once": changes_hands,
    "rows before the period": has_side("before"),
    "rows after the period": has_side("after"),
    "files before the first owed day": lambda counted: any(
        is_early(counted.month, file) for file in counted.month.files if file.rows
    ),
    "files of other periods": lambda counted: any(
        not counts(counted.month, file) and not is_early(counted.month, file)
        for file in counted.month.files
        if file.rows
    ),
    "no files": lambda counted: not counted.month.files,
    "no rows": lambda counted: bool(counted.files) and not counted.rows,
}
