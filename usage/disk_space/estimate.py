"""Estimates the size of usage files before there are any, from users and logins."""

from typing import NamedTuple

# Bytes of a day with no login; for each user who logs in; for each login. Fitted to
# files of the emulator; those of up to 1,000 users that tests write differ by less than
# a quarter.
_OF_A_DAY, _OF_A_USER, _OF_A_LOGIN = 900, 6, 6.5

# The vendor's figures, in bytes a day: most customers write less than the first, the
# largest up to the second.
VENDOR_MOST, VENDOR_LARGEST = 3_000_000, 10_000_000

DAYS_OF_A_MONTH, DAYS_OF_A_QUARTER = 30, 91

# The longest time between two monthly uploads: from the 28th of a month to the due day,
# the 3rd of the month after the next, with two months of 31 days.
DAYS_BETWEEN_UPLOADS = 37


class Estimate(NamedTuple):
    """Bytes that a server writes in a day and in some days."""

    day: int
    between_uploads: int
    month: int
    quarter: int


def estimate_of(users: int, logins: float) -> Estimate:
    """Estimate from the users who log in on a day, and how often each does."""
    day = _OF_A_DAY + _OF_A_USER * users + _OF_A_LOGIN * users * logins
    return of_day(round(day))


def of_day(size: int) -> Estimate:
    """Return what a server needs that writes the same on each day."""
    return Estimate(
        day=size,
        between_uploads=DAYS_BETWEEN_UPLOADS * size,
        month=DAYS_OF_A_MONTH * size,
        quarter=DAYS_OF_A_QUARTER * size,
    )
