"""Characters on paper: many scripts as they are, all others as their number."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from portal.paper.characters import ascii_only, isolated, printable
from tests.portal.paper.manuscripts import SCRIPTS

pytestmark = pytest.mark.plain


@pytest.mark.parametrize("text", SCRIPTS)
def test_many_scripts_stay_as_they_are(text: str) -> None:
    assert printable(text) == text


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("a\u202eb", "a\\u{202e}b"),
        ("a\u200bb", "a\\u{200b}b"),
        ("a\xa0b", "a\\u{a0}b"),
        ("a\xadb", "a\\u{ad}b"),
        ("a\nb", "a\\u{a}b"),
        ("\ue000", "\\u{e000}"),
        ("\U000e0041", "\\u{e0041}"),
        ("\U0001d400", "\\u{1d400}"),  # a letter of mathematics that no font has
        ("\ud800", "\\u{d800}"),  # half of a pair
        ("\u0301a", "\\u{301}a"),  # a mark without a letter
        ("x\u0951", "x\\u{951}"),  # a mark of another script than its letter
        ("\U0001d400\u0301", "\\u{1d400}\\u{301}"),
        ("IC01\u3164", "IC01\\u{3164}"),  # a letter that is drawn as nothing
        ("a\u034fb", "a\\u{34f}b"),
        ("\u261d\ufe0f", "\u261d\\u{fe0f}"),
        ("x\U0001f3fb", "x\\u{1f3fb}"),  # a skin tone without an emoji
    ],
)
def test_unprintable_characters_are_escaped(text: str, shown: str) -> None:
    assert printable(text) == shown


@given(text=st.text(max_size=40))
def test_different_names_stay_different_and_nothing_is_dropped(text: str) -> None:
    without_numbers = printable(text).replace("\\u{", "")
    assert len(without_numbers) >= len(text) - text.count("\\u{") * 3
    assert ascii_only(text).isascii()
    assert ascii_only(text).isprintable()


def test_a_name_from_right_to_left_is_isolated_from_its_surroundings() -> None:
    assert isolated("Quellmark AG") == "Quellmark AG"
    name = "שלום עולם"
    assert isolated(name) == f"\u2068{name}\u2069"
    # Marks within the name cannot end the isolation, nor begin one.
    assert isolated("\u2069IC01") == "\\u{2069}IC01"
    assert isolated(f"\u2069{name}").startswith("\u2068\\u{2069}")


def test_an_escape_in_a_name_from_right_to_left_stays_in_order() -> None:
    assert printable("\u05d0\ue000\u05d1") == "\u05d0\u2066\\u{e000}\u2069\u05d1"


def test_ascii_is_the_last_resort() -> None:
    assert ascii_only("Łódź 1") == "\\u{141}\\u{f3}d\\u{17a} 1"
