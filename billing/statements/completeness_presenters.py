"""Presents how complete a statement is: server-days, unclassified keys, files."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import date
from itertools import groupby
from typing import Any

from django.utils.translation import gettext, ngettext

from billing.calendar_view.table import days_text
from billing.statements import text
from billing.statements.difference_presenters import HASH_CHARACTERS
from billing.statements.manifest import NamedFile
from portal.templatetags.shown import grouped

Document = Mapping[str, Any]

# Counts of the server-days that are covered: nothing more is needed for them.
_COVERED = ("received", "silent", "down", "lost")

# Marks and names of the counts of server-days.
_COUNTS: tuple[tuple[str, str], ...] = (
    ("received", "received"),
    ("silent", "silent"),
    ("down", "excused"),
    ("lost", "excused"),
    ("missing", "missing"),
    ("with_us", "with-us"),
    ("pending", "pending"),
)


@dataclass(frozen=True, slots=True)
class ListedDays:
    """Server-days of one server with the same state and reason."""

    server: str
    days: str
    state: str
    reason: str


def completeness_sentences(document: Document) -> Iterator[str]:
    """Yield sentences on how complete the period is."""
    complete = document["completeness"]
    owed, covered = complete["owed"], sum(complete[name] for name in _COVERED)
    if not owed:
        yield gettext("No server-days are owed in this period.")
        return
    sentence = ngettext(
        "%(covered)s of %(owed)s server-day is covered.",
        "%(covered)s of %(owed)s server-days are covered.",
        owed,
    )
    yield sentence % {"covered": grouped(covered), "owed": grouped(owed)}
    for name, sentence in (
        ("missing", gettext("Missing: %(count)s.")),
        ("with_us", gettext("Waiting for a decision: %(count)s.")),
        ("pending", gettext("Not over yet: %(count)s.")),
        ("lost", gettext("Excused as lost, not counted: %(count)s.")),
    ):
        if complete[name]:
            yield sentence % {"count": grouped(complete[name])}


def completeness_legend(complete: Document) -> Iterator[tuple[str, str, int]]:
    """Yield mark, name and number of each kind of server-days that occurs."""
    for name, mark in _COUNTS:
        if complete[name]:
            yield mark, text.count_text(name), complete[name]


def listed_days(days: Iterable[Document]) -> Iterator[ListedDays]:
    """Yield the listed server-days, grouped by server, state and reason."""

    def sort_key(one: Document) -> tuple[str, str, str]:
        return one["server"], one["state"], one["reason"]

    def group_key(one: Document) -> tuple[str, str, str]:
        state = text.server_day_text(one["state"])
        return one["server"], state, one["reason"]

    ordered = sorted(days, key=sort_key)
    for (server, state, reason), found in groupby(ordered, group_key):
        named = [date.fromisoformat(one["day"]) for one in found]
        yield ListedDays(server, days_text(named), state, reason)


def unclassified_sentence(document: Document) -> str:
    """Return a sentence on licence keys that are not classified, or nothing."""
    keys = document["catalogue"]["unclassified"]
    return text.unclassified_text(keys) if keys else ""


def unreadable_sentence(document: Document, files: Mapping[str, NamedFile]) -> str:
    """Return a sentence on files that do not open, or nothing."""
    names = [
        files[one].name if one in files else one[:HASH_CHARACTERS]
        for one in document["files"]["unreadable"]
    ]
    return text.unreadable_text(names) if names else ""
