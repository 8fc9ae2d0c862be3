"""Lists the counted users of a line on one day, with their rows.

Names are read from the files for each request, and are not stored. Each request is
recorded in the audit trail before names are read.
"""

import time
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime

import numpy as np

from billing.statements.compute.catalogue import Catalogue, Kind, base_key
from billing.statements.compute.lines import AGENT, BUSINESS, add_on_line
from billing.statements.compute.local_days import LocalDay
from billing.statements.compute.rows import BEGAN_EARLIER, row_spans
from billing.statements.day_files import (
    DayFiles,
    OpenedFile,
    bounds_of,
    catalogue_of,
    day_of,
)
from billing.statements.queries import ServedStatement
from billing.statements.reader_turns import reader_turn
from portal.audit import log as audit_log
from portal.db import unit_of_work
from portal.errors import Refused

# Users on one page of the list, and rows of a user; further rows are counted.
USERS_A_PAGE = 100
MOST_ROWS = 50

# Seconds that a reader waits for its turn.
_PATIENCE = 5.0


@dataclass(frozen=True, slots=True)
class UsersRequest:
    """A page of the users of a line in a day; pages count from 1."""

    day: date
    line: str
    page: int


@dataclass(frozen=True, slots=True, kw_only=True)
class UserRow:
    """A row of a user in a day, clipped to it; `is_login` if it counts as a login."""

    server: str
    starts_at: datetime
    ends_at: datetime
    licence_keys: tuple[str, ...]
    is_login: bool


@dataclass(frozen=True, slots=True)
class CountedUser:
    """A user of a line in a day, with the first counted rows of the day, in order.

    `more_rows` counts the others.
    """

    name: str
    rows: tuple[UserRow, ...]
    more_rows: int


@dataclass(frozen=True, slots=True)
class CountedUsers:
    """A page of the users of a line in a day; `count` are those of all pages."""

    count: int
    users: list[CountedUser]


def users_of_line(
    tenant_id: int,
    found: ServedStatement,
    wanted: UsersRequest,
    *,
    by: str,
    at: datetime,
) -> CountedUsers:
    """Return a page of the counted users of a line on one day; record the request.

    Begins and ends units of work of its own.

    Raises:
        Refused: the statement has no such day or line, or a file no longer counts.
        Unavailable: a file cannot be read at the moment.

    """
    document = found.content()
    bounds, catalogue = bounds_of(day_of(document, wanted.day)), catalogue_of(document)
    if wanted.line not in {one["id"] for one in document["lines"]}:
        raise Refused("not-found")
    opener = DayFiles.of(tenant_id, found)
    # Before the files are opened: nobody sees a name without a record of it.
    with unit_of_work.acting_for(tenant_id):
        audit_log.append(
            tenant_id=tenant_id,
            actor=by,
            act="users-listed",
            subject=found.head.number or f"{found.head.tenant}-{found.head.period}",
            at=at,
            details={
                "day": wanted.day.isoformat(),
                "line": wanted.line,
                "page": wanted.page,
                "sha256": found.sha256,
            },
        )
    query = _LineQuery(bounds, catalogue, wanted.line)
    with reader_turn(until=time.monotonic() + _PATIENCE):
        files = list(opener.open(bounds))
        return _users(files, opener.numbers, query, page=wanted.page)


def _users(
    files: Sequence[OpenedFile],
    names: Mapping[str, int],
    query: "_LineQuery",
    *,
    page: int,
) -> CountedUsers:
    numbers = _numbers_of_line(files, query)
    ordered = sorted(
        (name, number) for name, number in names.items() if number in numbers
    )
    first = (page - 1) * USERS_A_PAGE
    shown = ordered[first : first + USERS_A_PAGE]
    rows: dict[int, list[UserRow]] = {number: [] for _, number in shown}
    spelled: dict[int, str] = {}
    counts: Counter[int] = Counter()
    for one in files:
        places = _first_places(one, query, list(rows), counts)
        for number, name, row in _rows_at(one, query, places):
            rows[number].append(row)
            spelled.setdefault(number, name)
    return CountedUsers(
        count=len(ordered),
        users=[
            CountedUser(
                spelled[number],
                tuple(sorted(rows[number], key=_by_start)[:MOST_ROWS]),
                max(0, counts[number] - MOST_ROWS),
            )
            for _, number in shown
        ],
    )


def _by_start(row: UserRow) -> tuple[datetime, datetime, str]:
    return row.starts_at, row.ends_at, row.server


@dataclass(frozen=True, slots=True)
class _LineQuery:
    """A line and a day, with the catalogue that classifies licence keys."""

    day: LocalDay
    catalogue: Catalogue
    line: str

    def lines_of(self, licence_keys: Iterable[str]) -> frozenset[str]:
        """Return the lines of a row that holds these keys; empty if not counted."""
        keys = {base_key(key) for key in licence_keys}
        kinds = {self.catalogue.kinds.get(key) for key in keys}
        if Kind.AGENT in kinds or Kind.ADD_ON in kinds:
            return frozenset({AGENT, *map(add_on_line, keys)})
        return frozenset({BUSINESS} if Kind.BUSINESS in kinds else ())


def _numbers_of_line(files: Iterable[OpenedFile], query: _LineQuery) -> set[int]:
    """Return the numbers of the line's users.

    A user with an agent row is not a Business User.
    """
    wanted: set[int] = set()
    agents: set[int] = set()
    for one in files:
        touches = row_spans(one.rows, query.day).touches
        sets = [query.lines_of(keys) for keys in one.rows.licence_sets]
        for line, found in ((query.line, wanted), (AGENT, agents)):
            holds = np.array([line in lines for lines in sets], np.bool_)
            held = one.rows.user[touches & holds[one.rows.licences]]
            found.update(np.unique(held).tolist())
    return wanted - agents if query.line == BUSINESS else wanted


def _first_places(
    one: OpenedFile, query: _LineQuery, numbers: Sequence[int], counts: Counter[int]
) -> list[int]:
    """Return where the first counted rows of some users are in a file.

    At most `MOST_ROWS` of each user; all of them are added to `counts`.
    """
    rows, spans = one.rows, row_spans(one.rows, query.day)
    is_counted = [bool(query.lines_of(keys)) for keys in rows.licence_sets]
    counted = np.array(is_counted, np.bool_)[rows.licences]
    places = np.flatnonzero(spans.touches & counted & np.isin(rows.user, numbers))
    places = places[np.lexsort((spans.start[places], rows.user[places]))]
    users, heads, found = np.unique(
        rows.user[places], return_index=True, return_counts=True
    )
    counts.update(dict(zip(users.tolist(), found.tolist(), strict=True)))
    rank = np.arange(len(places)) - np.repeat(heads, found)
    first: list[int] = places[rank < MOST_ROWS].tolist()
    return first


def _rows_at(
    one: OpenedFile, query: _LineQuery, places: Iterable[int]
) -> Iterator[tuple[int, str, UserRow]]:
    """Yield rows of a file: the user's number, the name as written, the row."""
    rows, day = one.rows, query.day
    spans = row_spans(rows, day)
    server = one.counted.file.server
    for place in places:
        begins_here = bool(spans.begins[place])
        row = UserRow(
            server=server.name if server else "",
            starts_at=_instant(day.starts_at + max(0, int(spans.start[place]))),
            ends_at=_instant(day.starts_at + min(day.seconds, int(spans.end[place]))),
            licence_keys=rows.licence_sets[rows.licences[place]],
            is_login=begins_here and not int(rows.flags[place]) & BEGAN_EARLIER,
        )
        yield int(rows.user[place]), one.opened.users[one.opened.user[place]], row


def _instant(second: int) -> datetime:
    return datetime.fromtimestamp(second, UTC)
