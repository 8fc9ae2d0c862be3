"""Pages of long lists: their numbers, limits and counts."""

from collections.abc import Sequence

import pytest

from portal.pages import paging
from portal.pages.paging import CappedPage, list_page

pytestmark = pytest.mark.plain

ROWS = list(range(1, 26))


def page(text: str | None, rows: Sequence[int] = ROWS) -> CappedPage[int]:
    return list_page(
        lambda first, most: rows[first : first + most],
        text,
        size=10,
        count=lambda: min(len(rows), paging.MOST_COUNTED + 1),
    )


def test_pages_one_behind_the_other_are_the_whole_list() -> None:
    pages = [page("1"), page("2"), page("3")]
    assert [row for one in pages for row in one.rows] == ROWS
    assert [(one.first, one.last) for one in pages] == [(1, 10), (11, 20), (21, 25)]
    assert [one.has_next for one in pages] == [True, True, False]
    assert [one.has_previous for one in pages] == [False, True, True]
    assert {one.count for one in pages} == {25}


@pytest.mark.parametrize("text", [None, "", "0", "-1", "x", "²", "4", "9" * 40])
def test_a_page_that_does_not_exist_is_the_first_one(text: str | None) -> None:
    assert page(text).number == 1
    assert page(text).rows == ROWS[:10]


def test_an_empty_list_has_one_empty_page() -> None:
    found = page("1", [])
    assert (found.rows, found.count, found.has_next) == ([], 0, False)


def test_a_list_beyond_the_limit_is_not_counted_but_read(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(paging, "MOST_COUNTED", 12)
    assert page("1").count is None
    assert page("3").rows == ROWS[20:]
    assert paging.capped_text(12) == "12"
    assert paging.capped_text(13) == "12+"
