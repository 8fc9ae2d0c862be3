"""Computes the share of people at work on a date.

A pure function of date and seed: weekdays, a mild season, slow growth, and a few quiet
days such as public holidays.
"""

import math
from datetime import date

from usage.usg.emulator.dice import Dice

# From Monday to Sunday; Mondays are the busiest.
_AGENTS = (0.99, 0.94, 0.92, 0.93, 0.89, 0.38, 0.17)
_OFFICE = (0.96, 0.95, 0.95, 0.93, 0.84, 0.03, 0.01)
_SATURDAY = 5

# More people are at work in January than in July: the share varies by a tenth.
_SEASON, _PEAK_DAY, _YEAR = 0.05, 20, 365.25

# The staff grows towards the full number: a third is hired after this date, half of
# these within three years.
_GROWS_FROM = date(2024, 1, 1)
_HIRED_LATER, _HALVED_AFTER = 0.33, 3 * _YEAR

# One weekday in forty is quiet.
_QUIET = 1 / 40
_QUIET_AGENTS, _QUIET_OFFICE = 0.35, 0.08


def headcount(day: date) -> float:
    """Return the share of all people who are hired by that date."""
    days = max((day - _GROWS_FROM).days, 0)
    return 1 - _HIRED_LATER * math.exp2(-days / _HALVED_AFTER)


def is_quiet(day: date, seed: int) -> bool:
    """Return whether it is a quiet weekday, on all servers of the seed."""
    is_weekday = day.weekday() < _SATURDAY
    return is_weekday and Dice(seed, day.toordinal()).draw_one("quiet") < _QUIET


def shares(day: date, seed: int) -> tuple[float, float]:
    """Return the shares of agents and of business users who are at work."""
    angle = 2 * math.pi * (day.timetuple().tm_yday - _PEAK_DAY) / _YEAR
    season = 1 - _SEASON + _SEASON * math.cos(angle)
    agents, office = _AGENTS[day.weekday()] * season, _OFFICE[day.weekday()] * season
    if is_quiet(day, seed):
        return agents * _QUIET_AGENTS, office * _QUIET_OFFICE
    return agents, office
