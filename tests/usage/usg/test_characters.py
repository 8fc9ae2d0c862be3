"""Characters are judged by number: the same on every Python."""

import re
import sys
import unicodedata
from pathlib import Path
from typing import Literal

import pytest

from tests.samples.usg import cases
from usage.usg import characters, fold, read
from usage.usg.characters import NOT_IN_HEADERS, SPACES, is_clean
from usage.usg.unicode14 import is_assigned

pytestmark = pytest.mark.plain

PAGE = Path(__file__).resolve().parents[3] / "docs" / "usg-format.md"
EVERY = tuple(map(chr, range(sys.maxunicode + 1)))
CODE, DASH = "[0-9A-F]{4,6}", "\N{EN DASH}"
# A combining mark of Unicode 16, and a letter of its Garay script in both cases.
NEW_MARK, NEW_CAPITAL, NEW_SMALL = "\u0897", "\U00010d50", "\U00010d70"
HIDDEN = {"Cc", "Cf", "Cs", "Co", "Zs", "Zl", "Zp"}


def is_noncharacter(letter: str) -> bool:
    return "\ufdd0" <= letter <= "\ufdef" or ord(letter) & 0xFFFE == 0xFFFE


def test_the_page_lists_the_characters_that_no_header_may_hold() -> None:
    page = PAGE.read_text("utf-8")
    rows = page.split("| code points | what they are |")[1].split("\n\n")[0]
    written: set[int] = set()
    for row in rows.splitlines()[2:]:
        for run in re.findall(f"{CODE}(?:{DASH}{CODE})?", row.split("|")[1]):
            first, _, last = run.partition(DASH)
            written.update(range(int(first, 16), int(last or first, 16) + 1))
    planes = range(0, 0x110000, 0x10000)
    written.update(plane | low for plane in planes for low in (0xFFFE, 0xFFFF))
    listed = {code for first, last in NOT_IN_HEADERS for code in range(first, last + 1)}
    assert written == listed


def test_no_character_that_hides_or_reorders_may_be_in_a_header() -> None:
    for letter in EVERY:
        if is_clean(letter) and letter != " ":
            assert unicodedata.category(letter) not in HIDDEN, hex(ord(letter))
            assert not is_noncharacter(letter), hex(ord(letter))


def test_what_was_printable_to_python_may_be_in_a_header_still() -> None:
    assert all(is_clean(letter) for letter in EVERY if letter.isprintable())


@pytest.mark.parametrize("letter", ["\u0378", NEW_MARK, NEW_CAPITAL, "\U000e0101"])
def test_a_letter_that_this_python_does_not_know_is_no_reason_to_refuse(
    letter: str,
) -> None:
    data = cases.with_header(cases.fields(writer=f"a{letter}"))
    reading = read(data, cases.expected())
    assert reading.problems == ()
    assert reading.header is not None
    assert reading.header.writer == f"a{letter}"


def test_what_unicode_14_assigns_is_known_on_every_python() -> None:
    unknown = {letter for letter in EVERY if unicodedata.category(letter) == "Cn"}
    unassigned = {letter for letter in EVERY if not is_assigned(letter)}
    assert unknown <= unassigned
    if unicodedata.unidata_version == "14.0.0":
        assert unknown == unassigned


class LaterUnicode:
    """`unicodedata` of a later Python: it reorders marks that it has learnt."""

    def normalize(self, form: Literal["NFC"], text: str) -> str:
        learnt = re.sub(f"([^{NEW_MARK}])({NEW_MARK})", r"\2\1", text)
        return unicodedata.normalize(form, learnt)


def test_names_compare_alike_on_a_python_with_a_later_unicode(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(characters, "unicodedata", LaterUnicode())
    name = f"a{NEW_MARK}e\u0301"
    assert characters.nfc(name) == f"a{NEW_MARK}é"
    assert fold([name]) == [f"a{NEW_MARK}é"]
    data = cases.with_header(cases.fields(writer=f"a{NEW_MARK}"))
    assert read(data, cases.expected()).problems == ()


def test_case_is_folded_alike_on_a_python_with_a_later_unicode(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    seen = []

    def later(text: str) -> str:
        seen.append(text)
        return text.casefold().replace(NEW_CAPITAL, NEW_SMALL)

    monkeypatch.setattr(characters, "_casefold", later)
    assert characters.folded(f"Ä{NEW_CAPITAL}ẞ") == f"ä{NEW_CAPITAL}ss"
    assert seen == ["Ä", "ẞ"]


def test_spaces_are_trimmed_by_a_closed_list() -> None:
    assert [letter for letter in EVERY if letter in SPACES] == [
        letter for letter in EVERY if letter.isspace()
    ]
    assert fold(["\u00a0\u3000 Ada\u2028\x85"]) == ["ada"]
    assert fold(["\u200bAda"]) == ["\u200bada"]
