"""The staff navigation: its links, each with the number of rows that wait.

Each app registers its own links when it starts.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any

from django.db import connection
from django.db.models import QuerySet
from django.urls import reverse
from django.utils.functional import Promise

from portal.db import unit_of_work

Text = str | Promise

# The link that leads to the address below which all other staff pages are.
DESK = "staff-desk"


@dataclass(frozen=True, slots=True, kw_only=True)
class StaffLink:
    """One link; `url_name` is unique.

    `lists` return the rows of all tenants that wait for a person. How such a list is
    made must not change while the process runs: its SQL is kept. `waiting_text` says
    how many rows wait; `badge_text` is the same beside the title, a bare number unless
    the title could be read as what is counted. `areas` are the first parts of the
    addresses, behind the desk's, of the pages that belong to the link.
    """

    order: int
    title: Text
    url_name: str
    areas: frozenset[str]
    lists: Sequence[Callable[[], QuerySet[Any]]] = ()
    waiting_text: Callable[[int], str] = str
    badge_text: Callable[[int], str] = str


@dataclass(frozen=True, slots=True, kw_only=True)
class ShownLink:
    """A link as a page shows it; `waiting` is 0 where nothing waits."""

    title: Text
    address: str
    is_current: bool
    waiting: int
    waiting_text: str
    badge: str


_links: list[StaffLink] = []


def register(*links: StaffLink) -> None:
    """Add links; called once from `AppConfig.ready`."""
    _links.extend(links)
    _links.sort(key=lambda link: link.order)
    _statement.cache_clear()


def shown_links(path: str) -> list[ShownLink]:
    """Return all links for the page at a path; one query, in a unit of work of its own.

    Raises:
        NestedUnitError: a unit of work is open.

    """
    area = path.removeprefix(reverse(DESK)).partition("/")[0]
    counts = _count_waiting()
    return [
        ShownLink(
            title=link.title,
            address=reverse(link.url_name),
            is_current=area in link.areas,
            waiting=counts.get(link.url_name, 0),
            waiting_text=link.waiting_text(counts.get(link.url_name, 0)),
            badge=link.badge_text(counts.get(link.url_name, 0)),
        )
        for link in _links
    ]


def _count_waiting() -> dict[str, int]:
    statement, values = _statement()
    with (
        unit_of_work.acting_for(unit_of_work.STAFF, reading=True),
        connection.cursor() as cursor,
    ):
        cursor.execute(statement, values)
        (counts,) = cursor.fetchall()
    return dict(zip((link.url_name for link in _with_lists()), counts, strict=True))


def _with_lists() -> Iterator[StaffLink]:
    return (link for link in _links if link.lists)


@cache
def _statement() -> tuple[str, tuple[Any, ...]]:
    """Combine the queries of the lists, once: building them costs more than running.

    Each selects its keys only, in no order.
    """
    sums: list[str] = []
    values: list[Any] = []
    for link in _with_lists():
        parts = []
        for rows in link.lists:
            query = rows().order_by().values("pk").query
            text, given = query.sql_with_params()
            parts.append(f"(select count(*) from ({text}) as found)")  # noqa: S608 - Django's own words
            values += given
        sums.append(" + ".join(parts))
    return f"select {', '.join(sums)}", tuple(values)
