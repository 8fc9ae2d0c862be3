"""What was asked for, as rows of the pages of customers and staff."""

from collections.abc import Iterable
from dataclasses import dataclass

from django.utils.translation import gettext

from billing.asked import Excuse, LicenceRequest
from billing.licences import mode_of
from billing.timetable import days_words, number_words
from billing.wording import mode_words


@dataclass(frozen=True, slots=True)
class Row:
    """Something asked for: about what, and what in words."""

    one: Excuse | LicenceRequest
    about: str
    what: str


def excuse_rows(found: Iterable[Excuse]) -> list[Row]:
    """Return rows of excuses that were read with their servers."""
    return [Row(one, one.server.name, _excused(one)) for one in found]


def licence_rows(found: Iterable[LicenceRequest]) -> list[Row]:
    return [
        Row(one, mode_words(mode_of(one.keys)), ", ".join(one.keys) or gettext("none"))
        for one in found
    ]


def _excused(one: Excuse) -> str:
    if one.first_sequence is not None and one.last_sequence is not None:
        what = number_words(one.first_sequence, one.last_sequence)
    else:
        years = {day.year for day in one.days}
        what = f"{days_words(one.days)} {max(years)}"
    return gettext("%(what)s: %(kind)s") % {
        "what": what,
        "kind": one.get_kind_display(),
    }
