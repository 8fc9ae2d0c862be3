"""Genuine usage files of a given size, and bodies with their digests."""

from base64 import b64encode
from dataclasses import dataclass
from datetime import date, timedelta
from hashlib import sha256
from itertools import count

import numpy as np

from tests.builders import Company
from usage.usg import Sessions
from usage.usg.emulator.logins import name_of

MB = 1_000_000

# By what they are called: sessions are drawn so that a file has about that many bytes.
SIZES = {"3 MB": 3 * MB, "10 MB": 10 * MB}
LARGE = "10 MB"

# Every person has sixteen logins, as in the day that bench_format opens; the largest
# installations have 20,000 people, so from there on it is more logins for each.
LOGINS_EACH, MOST_USERS, SETS = 16, 20_000, 40

# Bytes that a login takes in a file, found by trying: 3 MB and 10 MB come out right.
BYTES_A_LOGIN = {"3 MB": 5.52, "10 MB": 5.2}

FIRST_DAY, DAYS = date(2026, 5, 1), 150

# No day is shorter than 23 hours.
LAST_LOGIN, LAST_LOGOUT = 82_000, 82_800


def sessions_of(name: str) -> Sessions:
    return draw_sessions(int(SIZES[name] / BYTES_A_LOGIN[name]))


def draw_sessions(logins: int) -> Sessions:
    users = min(logins // LOGINS_EACH, MOST_USERS)
    rng = np.random.default_rng(1)
    login = np.sort(rng.integers(0, LAST_LOGIN, logins))
    return Sessions(
        users=[name_of(number) for number in range(users)],
        licence_sets=[["I3_ACCESS_CLIENT", f"KEY_{index}"] for index in range(SETS)],
        user=rng.integers(0, users, logins),
        licences=rng.integers(0, SETS, logins),
        login=login,
        logout=np.minimum(login + rng.integers(1, 3_000, logins), LAST_LOGOUT),
        flags=np.zeros(logins, dtype=np.int64),
    )


@dataclass(frozen=True)
class SizedBody:
    """Bytes to send, and the Content-Digest that is sent with them."""

    data: bytes
    digest: str


class Files:
    """New files without end: each has the next number of the company's server."""

    def __init__(self, company: Company) -> None:
        self._company = company
        self._sessions = {name: sessions_of(name) for name in SIZES}
        self._numbers = count()

    def make(self, name: str) -> SizedBody:
        day = FIRST_DAY + timedelta(days=next(self._numbers) % DAYS)
        data = self._company.server.day(day, sessions=self._sessions[name])
        return SizedBody(data, digest_of(data))


def digest_of(data: bytes) -> str:
    return f"sha-256=:{b64encode(sha256(data).digest()).decode()}:"
