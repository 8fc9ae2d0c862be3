"""Emulates the staff of a contact centre: roles, shifts, and who is at work.

A person's role and shift never change. They are a function of seed and person, so
that a person has the same ones on every server.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import date

import numpy as np
from numpy.typing import NDArray

from usage.usg.emulator import attendance
from usage.usg.emulator.dice import Dice
from usage.usg.emulator.roles import LICENCE_SETS, roles_of

_MINUTE, _HOUR = 60, 3600

# Starts of shifts in local hours, and the share of agents in each: early, day, late
# and night. The night shift is the only one that crosses midnight.
_AGENT_STARTS = np.array([6, 6.5, 7, 8, 8.5, 9, 12.5, 13, 13.5, 22]) * _HOUR
_AGENT_SHARES = np.array(
    [0.08, 0.09, 0.13, 0.16, 0.13, 0.11, 0.08, 0.11, 0.07, 0.04]
).cumsum()
_OFFICE_STARTS = np.array([7.5, 8, 8.5, 9]) * _HOUR
_OFFICE_SHARES = np.array([0.2, 0.35, 0.3, 0.15]).cumsum()

# Lengths of a full shift and of a part-time shift, breaks included.
_AGENT_SHIFT, _OFFICE_SHIFT, _PART_TIME_SHIFT = 8.5 * _HOUR, 9 * _HOUR, 4.5 * _HOUR
_PART_TIME = 0.2
# Arrivals are bunched a little before the start; shifts end within some minutes.
_ARRIVAL_SPREAD, _ARRIVAL_LEAD = 9 * _MINUTE, 2 * _MINUTE
_END_SPREAD = 20 * _MINUTE

# Shares of people: those away for a whole week, those who change their licences in
# the middle of logins, those who also work at another server, and on how many days.
_AWAY = 0.06
_CHANGES_LICENCES = 0.1
_VISITOR, _VISITS = 0.1, 0.25


@dataclass(frozen=True, slots=True)
class People:
    """The people of one server: their numbers, logins and licence sets.

    `logins_each` is the mean number of logins of a person at work on a day.
    `candidates` are people of another server, of whom a few also log in at this one.
    """

    people: Sequence[int]
    logins_each: float = 4.0
    licence_sets: Sequence[Sequence[str]] = LICENCE_SETS
    candidates: Sequence[int] = ()


@dataclass(frozen=True, slots=True, eq=False)
class Staff:
    """Columns of the people of one server, or of those at work there on one day.

    A person is hired once the headcount exceeds `hired`. `other` is the licence set
    after a change, equal to `licences` for people who never change. `start` is in
    seconds after local midnight, `length` in seconds. `logins` is the mean number of
    logins on a day.
    """

    person: NDArray[np.int64]
    is_guest: NDArray[np.bool_]
    is_office: NDArray[np.bool_]
    hired: NDArray[np.float64]
    licences: NDArray[np.int64]
    other: NDArray[np.int64]
    start: NDArray[np.float64]
    length: NDArray[np.float64]
    logins: NDArray[np.float64]


def staff_of(seed: int, crowd: People) -> Staff:
    """Derive what never changes about the people of a server and their guests."""
    dice = Dice(seed)
    guests = np.asarray(crowd.candidates, dtype=np.int64)
    guests = guests[dice.draw("visitor", guests) < _VISITOR]
    person = np.concatenate([np.asarray(crowd.people, dtype=np.int64), guests])
    roles = roles_of(crowd.licence_sets)
    licences = _below(roles.shares.cumsum(), dice.draw("licences", person))
    changes = dice.draw("changes licences", person) < _CHANGES_LICENCES
    is_office = roles.is_office[licences]
    shift = dice.draw("shift", person)
    length = np.where(is_office, _OFFICE_SHIFT, _AGENT_SHIFT)
    length[dice.draw("part time", person) < _PART_TIME] = _PART_TIME_SHIFT
    return Staff(
        person=person,
        is_guest=np.arange(len(person)) >= len(crowd.people),
        is_office=is_office,
        hired=dice.draw("hired", person),
        licences=licences,
        other=np.where(changes, roles.other[licences], licences),
        start=np.where(
            is_office,
            _OFFICE_STARTS[_below(_OFFICE_SHARES, shift)],
            _AGENT_STARTS[_below(_AGENT_SHARES, shift)],
        ),
        length=length,
        logins=crowd.logins_each * roles.logins[licences],
    )


def at_work(day: date, seed: int, staff: Staff) -> Staff:
    """Return those who are at work on a day, with the times of that day."""
    agents, office = attendance.shares(day, seed)
    dice = Dice(seed, day.toordinal())
    # Day 1 is a Monday.
    week = Dice(seed, "week", (day.toordinal() - 1) // 7)
    is_present = (
        (staff.hired < attendance.headcount(day))
        & (week.draw("away", staff.person) >= _AWAY)
        & (dice.draw("comes", staff.person) < np.where(staff.is_office, office, agents))
        & (~staff.is_guest | (dice.draw("visits", staff.person) < _VISITS))
    )
    present = Staff(*(getattr(staff, name)[is_present] for name in Staff.__slots__))
    arrival = 2 * dice.draw("arrival", present.person) - 1
    end = dice.draw("end", present.person) - 0.5
    return replace(
        present,
        # Squared with its sign: most arrive within few minutes of each other.
        start=present.start + arrival * abs(arrival) * _ARRIVAL_SPREAD - _ARRIVAL_LEAD,
        length=present.length + end * _END_SPREAD,
    )


def _below(
    shares: NDArray[np.float64], draws: NDArray[np.float64]
) -> NDArray[np.int64]:
    """Choose an index for each draw, by cumulative shares; the last takes the rest."""
    return np.searchsorted(shares[:-1], draws, side="right")
