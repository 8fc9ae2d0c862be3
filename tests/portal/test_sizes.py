"""Sizes are shown in KB or MB, and the rows of a page add up to its total."""

import pytest

from portal.templatetags.shown import megabytes, shown_size, total_megabytes


@pytest.mark.plain
@pytest.mark.parametrize(
    ("size", "shown"),
    [
        (0, "0 KB"),
        (1, "1 KB"),
        (1_499, "1 KB"),
        (1_500, "2 KB"),
        (99_499, "99 KB"),
        (99_500, "0.10 MB"),
        (3_004_999, "3.00 MB"),
        (3_005_000, "3.01 MB"),
        (1_234_567_890, "1,234.57 MB"),
    ],
)
def test_a_size_is_in_kilobytes_below_a_tenth_of_a_megabyte(
    size: int, shown: str
) -> None:
    assert megabytes(size) == shown


@pytest.mark.plain
def test_a_total_is_the_sum_of_what_its_rows_show() -> None:
    sizes = [1, 758, 44_600, 99_499, 120_400, 3_333_333]
    rows = [megabytes(size) for size in sizes]
    assert rows == ["1 KB", "1 KB", "45 KB", "99 KB", "0.12 MB", "3.33 MB"]
    # 1 + 1 + 45 + 99 + 120 + 3,330 KB; the bytes themselves are 3.60 MB.
    total = sum(shown_size(size) for size in sizes)
    assert total_megabytes(total) == "3.596 MB"
    assert total_megabytes(sum(shown_size(size) for size in (758, 758))) == "2 KB"
