"""Pages of lists that are too long to count: the count ends at a limit."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Generic, TypeVar

from django.utils.translation import gettext

from portal.templatetags.shown import grouped

Row = TypeVar("Row")

# Lists are counted up to this number: the time of counting more grows with the list,
# and nobody reads that far.
MOST_COUNTED = 1_000

# The highest page number that is looked up; the database has no greater offsets.
_LAST_PAGE = 10**9


@dataclass(frozen=True, slots=True, kw_only=True)
class CappedPage(Generic[Row]):
    """A part of a list. `count` is of all its rows, None for more than are counted."""

    rows: Sequence[Row]
    number: int
    size: int
    has_next: bool
    count: int | None

    @property
    def first(self) -> int:
        return (self.number - 1) * self.size + 1

    @property
    def last(self) -> int:
        return self.first + len(self.rows) - 1

    @property
    def has_previous(self) -> bool:
        return self.number > 1

    @property
    def most_counted(self) -> int:
        return MOST_COUNTED


def list_page(
    load: Callable[[int, int], Sequence[Row]],
    page: str | None,
    *,
    size: int,
    count: Callable[[], int],
) -> CappedPage[Row]:
    """Return a page of a list; the first one if there is no such page.

    `load` returns the rows from an offset on, up to a number of them; `count` counts
    all of them up to one more than `MOST_COUNTED`.
    """
    number = page_number(page)
    found = load((number - 1) * size, size + 1)
    if not found and number > 1:
        number = 1
        found = load(0, size + 1)
    counted = count()
    return CappedPage(
        rows=found[:size],
        number=number,
        size=size,
        # One more row than are shown was loaded, to see this without counting.
        has_next=len(found) > size,
        count=counted if counted <= MOST_COUNTED else None,
    )


def capped_text(count: int) -> str:
    """Return a number that was counted up to the limit, as text: 12, or 1,000+."""
    if count <= MOST_COUNTED:
        return grouped(count)
    return gettext("%(most)s+") % {"most": grouped(MOST_COUNTED)}


def page_number(text: str | None) -> int:
    """Return the page that a query string names, the first one for anything else."""
    number = text or ""
    if not (number.isascii() and number.isdigit()):
        return 1
    return min(max(1, int(number[:10])), _LAST_PAGE)
