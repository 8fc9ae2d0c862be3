"""Parts of the computation that months reach rarely or never."""

from datetime import date
from itertools import pairwise
from zoneinfo import ZoneInfo

import msgspec
import numpy as np
import pytest
import zstandard

from billing.statements.compute.catalogue import Catalogue, Kind
from billing.statements.compute.encoding import FORMAT, decode
from billing.statements.compute.figures import canonical, catalogue_part
from billing.statements.compute.levels import Held, Steps, held_of
from billing.statements.compute.local_days import HOUR, day_of, local_day

pytestmark = pytest.mark.plain


def packed(*values: object) -> bytes:
    return zstandard.ZstdCompressor().compress(msgspec.msgpack.encode(values))


@pytest.mark.parametrize(
    "data",
    [
        b"not compressed",
        packed("not a day"),
        packed(FORMAT + 1, date(2026, 5, 7), 0, 0, 0, {}, [], {}),
    ],
)
def test_bytes_that_are_no_day_of_this_format_are_refused(data: bytes) -> None:
    with pytest.raises(ValueError, match=r"."):
        decode(data)


def test_a_level_shorter_than_half_an_hour_holds_nothing() -> None:
    assert held_of(Steps.of_level(np.ones(100, np.int32))) == Held()


def test_an_hour_ends_where_the_clocks_change_in_the_middle_of_it() -> None:
    # At 00:01 the clocks went back to 23:01 of the day before.
    zone = ZoneInfo("America/St_Johns")
    day = local_day(date(2010, 11, 6), zone)
    lengths = [end - start for start, end in pairwise([*day.hours, day.ends_at])]
    assert sum(lengths) == day.seconds == 25 * HOUR
    assert lengths[-2:] == [60, 59 * 60]
    assert day_of(day.ends_at - 1, zone) == date(2010, 11, 6)
    assert day_of(day.ends_at, zone) == date(2010, 11, 7)


def test_every_second_around_a_doubled_midnight_has_its_day() -> None:
    zone = ZoneInfo("America/Havana")
    day = local_day(date(2026, 10, 31), zone)
    around = range(day.ends_at - 2 * HOUR, day.ends_at + 2 * HOUR, 600)
    days = [day_of(second, zone) for second in around]
    assert days == [date(2026, 10, 31)] * 12 + [date(2026, 11, 1)] * 12


def test_the_catalogue_of_a_statement_lists_all_kinds_and_the_unknown_keys() -> None:
    catalogue = Catalogue(3, {"B": Kind.AGENT, "A": Kind.IGNORED})
    assert catalogue.kinds_of(["A", "C_CONCURRENT"]) == [("A", "ignored"), ("C", "")]
    assert catalogue_part(catalogue, ["C_CONCURRENT", "A"]) == {
        "version": 3,
        "entries": [
            {"licence_key": "A", "kind": "ignored"},
            {"licence_key": "B", "kind": "agent"},
        ],
        "unclassified": ["C"],
    }


def test_canonical_json_is_sorted_and_has_no_spaces() -> None:
    written = canonical({"b": [1, None], "a": "\u00e9\n"})
    assert written == '{"a":"\u00e9\\n","b":[1,null]}'.encode()
