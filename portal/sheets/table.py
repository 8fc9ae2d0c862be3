"""A table as data: heads, rows, and cells with their types."""

import logging
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import TypeVar

from django.utils.translation import gettext

logger = logging.getLogger(__name__)

# Numbers, days and instants (with their zone) are typed. A name that only looks like a
# number, such as `007`, is a text.
Cell = str | int | date | datetime | None

Item = TypeVar("Item")


class InstantHead(str):
    """The head of a column of instants; a format without zones names the zone here."""

    __slots__ = ()


@dataclass(frozen=True, slots=True)
class Table:
    """Heads and rows, which are read once. `zone` is that of the instants in it.

    Without a zone, a column contains the zone of each row.
    """

    heads: Sequence[str]
    rows: Iterable[Sequence[Cell]]
    zone: str = ""


def shown_rows(
    items: Iterable[Item], cells_of: Callable[[Item], Sequence[Cell]]
) -> Iterator[Sequence[Cell]]:
    """Yield the row of each item; an item that cannot be shown gets a note instead."""
    for item in items:
        try:
            cells = cells_of(item)
        except Exception:
            # The items themselves are read outside of this: a failing database
            # ends the list, and the reader sees that it is cut.
            logger.exception("A row of an export cannot be shown: %r", item)
            cells = [
                gettext(
                    "This row cannot be shown. The reason is in the log of the portal."
                )
            ]
        yield cells
