"""Emulates the logins of a day: shifts, cut by lunch and short breaks."""

from dataclasses import dataclass
from datetime import date, datetime, time

import numpy as np
from numpy.typing import NDArray

from usage.usg.emulator.dice import Dice
from usage.usg.emulator.history import ServerHistory
from usage.usg.emulator.people import Staff, at_work

_FIRST = ("ada", "ben", "chloé", "dana", "emil", "fatima", "george", "hana", "jörg")
_LAST = ("abel", "brandt", "costa", "díaz", "eng", "fischer", "garcía", "jensen")

_MINUTE, _HOUR, _NOON = 60, 3600, 12 * 3600

# Lunch is in the middle of a shift; part-time staff have a shorter one.
_LUNCH_AT, _LUNCH_AT_SPREAD = 0.46, 0.08
_LUNCH, _LUNCH_SPREAD = 30 * _MINUTE, 20 * _MINUTE
_LONG_SHIFT, _PART_TIME_LUNCH = 6 * _HOUR, 0.4
# Short breaks vary in their place, and take at most this share of a login.
_PLACE_SPREAD, _LONGEST_BREAK = 0.5, 0.3
_BREAK, _BREAK_SPREAD = 3 * _MINUTE, 10 * _MINUTE

# Shares of logins: those that outlast the next login of their user, at a second
# station, and those that end in the second in which they began.
_OVERLAPS, _OVERLAP, _OVERLAP_SPREAD = 0.03, 20 * _MINUTE, 40 * _MINUTE
_FAILS = 0.002
# Where licences change at all, the share of logins in which they do, and when.
_CHANGES, _CHANGE_AT, _CHANGE_AT_SPREAD = 0.3, 0.3, 0.4
# Start and length of the one login of a visit, as shares of the shift.
_VISIT_FROM, _VISIT_LENGTH = 0.6, 0.35

# Numbers for draws: a person's logins of a day follow one another.
_MOST_LOGINS = 1 << 20


@dataclass(frozen=True, slots=True, eq=False)
class LoginTable:
    """Whole logins, in UTC seconds since 1970; `change` is `end` for most.

    From `change` on the user holds the licence set `changed`.
    """

    person: NDArray[np.int64]
    start: NDArray[np.int64]
    change: NDArray[np.int64]
    end: NDArray[np.int64]
    licences: NDArray[np.int64]
    changed: NDArray[np.int64]


@dataclass(frozen=True, slots=True, eq=False)
class _ShiftParts:
    """Logins as parts of shifts, in seconds after the start of the shift.

    `row` points into the staff at work, `number` counts the logins of a person.
    """

    row: NDArray[np.int64]
    number: NDArray[np.int64]
    start: NDArray[np.float64]
    end: NDArray[np.float64]


def name_of(person: int) -> str:
    first, last = _FIRST[person % len(_FIRST)], _LAST[person % len(_LAST)]
    return f"{first}.{last}.{person:05}"


def shift_logins(day: date, history: ServerHistory, staff: Staff) -> LoginTable:
    """Return the logins of the shifts that begin on one local day, at one server.

    Those of a night shift may begin on the next day. All end before that day does.
    """
    present = at_work(day, history.seed, staff)
    dice = Dice(history.seed, day.toordinal(), history.server)
    # Counted from noon, so that shifts begin by the clock also where it was changed.
    noon = datetime.combine(day, time(12), history.zone).timestamp()
    return _table(present, _cut_shifts(present, dice), dice, int(noon) - _NOON)


def joined(*tables: LoginTable) -> LoginTable:
    return LoginTable(
        *(
            np.concatenate([getattr(table, name) for table in tables])
            for name in LoginTable.__slots__
        )
    )


def _cut_shifts(present: Staff, dice: Dice) -> _ShiftParts:
    """Cut each shift at lunch, and both halves by short breaks; guests log in once."""
    times = _times(present, dice)
    row = np.repeat(np.arange(len(times)), times)
    number = np.arange(len(row)) - np.repeat(np.cumsum(times) - times, times)
    before = (times[row] + 1) // 2
    is_before = number < before
    slot = np.where(is_before, number, number - before)
    slots = np.where(is_before, before, times[row] - before)
    begin, lasting = _halves(present, times, dice)
    begin, lasting = begin[row], lasting[row]
    begin = np.where(is_before, begin[:, 0], begin[:, 1])
    lasting = np.where(is_before, lasting[:, 0], lasting[:, 1]) / slots

    draws = present.person[row] * _MOST_LOGINS + number
    place = (dice.draw("place", draws) - 0.5) * _PLACE_SPREAD
    pause = _BREAK + _BREAK_SPREAD * dice.draw("break", draws)
    pause = np.minimum(pause, lasting * _LONGEST_BREAK)
    # The place of the break before a login is the one at the end of the login before.
    earlier = np.where(slot > 0, np.roll(place, 1) * lasting + pause, 0)
    later = np.where(slot + 1 < slots, place, 0) * lasting
    begin += slot * lasting
    return _ShiftParts(row, number, begin + earlier, begin + lasting + later)


def _times(present: Staff, dice: Dice) -> NDArray[np.int64]:
    """Draw the number of logins of each person; their mean may be fractional."""
    about = present.logins * (0.5 + dice.draw("times", present.person))
    times = np.floor(about + dice.draw("rest", present.person)).astype(np.int64)
    return np.where(present.is_guest, np.minimum(times, 1), times)


def _halves(
    present: Staff, times: NDArray[np.int64], dice: Dice
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return starts and lengths of both halves of each shift.

    A person who logs in once has no break: the first half is the whole shift or visit.
    """
    draws = dice.draw("lunch", present.person)
    length = present.length
    lunch = _LUNCH + _LUNCH_SPREAD * draws
    lunch[length < _LONG_SHIFT] *= _PART_TIME_LUNCH
    until = length * (_LUNCH_AT + _LUNCH_AT_SPREAD * draws)
    start = np.where(present.is_guest, length * _VISIT_FROM * draws, 0)
    whole = np.where(present.is_guest, length * _VISIT_LENGTH, length)
    back = until + lunch
    return (
        np.column_stack([start, back]),
        np.column_stack([np.where(times == 1, whole, until), length - back]),
    )


def _table(present: Staff, parts: _ShiftParts, dice: Dice, midnight: int) -> LoginTable:
    row = parts.row
    draws = present.person[row] * _MOST_LOGINS + parts.number
    start = np.floor(present.start[row] + parts.start).astype(np.int64) + midnight
    special = dice.draw("special", draws)
    # A draw below a share, divided by the share, is uniform again.
    longer = _OVERLAP + _OVERLAP_SPREAD * special / _OVERLAPS
    lasting = parts.end - parts.start + np.where(special < _OVERLAPS, longer, 0)
    lasting[special >= 1 - _FAILS] = 0
    end = start + np.floor(lasting).astype(np.int64)

    licences, other = present.licences[row], present.other[row]
    change = dice.draw("change", draws)
    place = _CHANGE_AT + _CHANGE_AT_SPREAD * change / _CHANGES
    changed_at = start + np.floor(lasting * place).astype(np.int64)
    changes = (licences != other) & (change < _CHANGES)
    return LoginTable(
        person=present.person[row],
        start=start,
        change=np.where(changes, changed_at, end),
        end=end,
        licences=licences,
        changed=other,
    )
