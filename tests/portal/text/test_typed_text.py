"""How text that people type is cleaned."""

import re
import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from portal.typed_text.clean import mail_address, one_line, paragraphs
from tests.portal.text.hostile import HOSTILE

pytestmark = pytest.mark.plain

# A part of everything that Unicode has, with what is special in it more often.
ANYTHING = st.text(
    st.one_of(
        st.characters(codec=None),
        st.sampled_from("a \u0301\u0323\u200c\u200d\ufe0f\u202e\r\n\u0915\u094d\u06cc"),
    )
)


@pytest.mark.parametrize(
    ("typed", "kept"),
    [
        ("Bidi\u202egnp.exe", "Bidignp.exe"),
        ("\u2066Acme\u2069", "Acme"),
        ("Acme\r\nGmbH", "Acme GmbH"),
        ("Acme\u2028GmbH\x85&\tCo", "Acme GmbH & Co"),
        ("  Acme \u00a0 \u3000GmbH ", "Acme GmbH"),
        ("a\u200bb\ufeffc\x00d\x1be\u00adf", "abcdef"),
        ("a\ud800b\ue000c\uffffd\u0378e", "abcde"),
        ("a\U000e0067b", "ab"),
        ("Mu\u0308nchen", "M\u00fcnchen"),
        ("u\u200b\u0308", "\u00fc"),
        ("\u212bngstro\u0308m", "\u00c5ngstr\u00f6m"),
        ("\u3164\u115f\u2800", ""),
        ("\u0301abc \u0301", "abc"),
        ("", ""),
    ],
)
def test_a_line_is_composed_trimmed_and_without_what_is_not_shown(
    typed: str, kept: str
) -> None:
    assert one_line(typed) == kept


@pytest.mark.parametrize(
    "name",
    [
        "\u0645\u06cc\u200c\u062e\u0648\u0627\u0647\u0645",  # Persian
        "\u0915\u094d\u200d\u0937",  # Hindi
        "\U0001f468\u200d\U0001f469\u200d\U0001f467",  # a family
        "\u2764\ufe0f",  # a red heart
        "\u845b\U000e0100\u57ce",  # a Japanese name, in the form that its people write
        "\u05e9\u05b8\u05c1\u05dc\u05d5\u05b9\u05dd",  # Hebrew with its vowels
        "Nguy\u1ec5n, O\u2019Neill & S\u00f6hne \u2013 \u682a\u5f0f\u4f1a\u793e",
    ],
)
def test_names_of_all_languages_stay_as_they_are_written(name: str) -> None:
    assert one_line(name) == unicodedata.normalize("NFC", name)


@pytest.mark.parametrize("joiner", "\u200c\u200d")
@pytest.mark.parametrize("around", ["a{}b", "{}a", "a{}", "\u06cc{}", "1{}2", "{}"])
def test_a_joiner_stays_only_where_it_changes_what_is_written(
    around: str, joiner: str
) -> None:
    assert joiner not in one_line(around.format(joiner))


def test_a_form_of_a_letter_is_chosen_only_where_there_are_several() -> None:
    assert one_line("A\ufe0fc\U000e0100me") == "Acme"
    assert one_line("\u2764\ufe0f\ufe0f") == "\u2764\ufe0f"


def test_a_letter_keeps_eight_marks() -> None:
    assert one_line("x" + "\u0323" * 100) == "x" + "\u0323" * 8


def test_lines_stay_where_a_text_has_several() -> None:
    typed = "\n First\r\nsecond\t line \u202e\u2028\n\n\n\nlast\x85\n"
    assert paragraphs(typed) == "First\nsecond line\n\nlast"


@pytest.mark.parametrize(
    "typed",
    [
        "Ada@M\u00fcnchen.example",
        " ada@mu\u0308nchen.EXAMPLE\r\n",
        "a\u200bda@MU\u0308NCHEN.example",
    ],
)
def test_an_address_is_one_whatever_its_case_and_composition(typed: str) -> None:
    assert mail_address(typed) == "ada@m\u00fcnchen.example"


@given(ANYTHING)
def test_a_clean_text_is_left_as_it_is(typed: str) -> None:
    for clean in (one_line, paragraphs, mail_address):
        assert clean(clean(typed)) == clean(typed)


@given(ANYTHING)
def test_a_clean_line_has_nothing_that_hides_moves_or_breaks(typed: str) -> None:
    cleaned = one_line(typed)
    assert unicodedata.is_normalized("NFC", cleaned)
    assert cleaned == " ".join(cleaned.split())
    shown = re.sub("[\u200c\u200d]", "", cleaned)
    categories = set(map(unicodedata.category, shown))
    assert not categories & {"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"}
    cleaned.encode()


@pytest.mark.parametrize("name", HOSTILE)
@pytest.mark.timeout(5)
def test_hostile_text_is_cleaned_in_short_time(name: str) -> None:
    assert len(one_line(HOSTILE[name])) <= 100_000
