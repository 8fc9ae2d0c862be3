"""Entries of an audit trail as pages and downloads show them: sentences and details.

An entry is shown whatever it contains, because tampered trails are shown too.
"""

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import date, datetime
from string import Formatter
from typing import Any

from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.translation import gettext

from portal.history import acts
from portal.history.text import actor_text
from portal.models import AuditEntry
from portal.templatetags.shown import full_day, zoned_text

_DAY = re.compile(r"\d{4}-\d{2}-\d{2}")
_INSTANT = re.compile(r"\d{4}-\d{2}-\d{2}T\d{2}:\d{2}.*")

# Shown in place of a detail that an entry lacks.
_NONE = "\N{EN DASH}"


@dataclass(frozen=True, slots=True)
class TrailReader:
    """Who reads a trail: the zone of their times, and whether they are staff."""

    zone: str
    is_staff: bool


@dataclass(frozen=True, slots=True)
class ShownDetail:
    """A detail of an entry: its label, and its value. A code is a hash: no words."""

    label: str
    value: str
    is_code: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class TrailRow:
    """An entry as a page shows it.

    `who` is the stored name for the filter by actor; empty if the reader may only
    filter by `ActorKind`.
    """

    entry: AuditEntry
    zone: str
    sentence: SafeString
    details: list[ShownDetail]
    who: str


def trail_rows(
    entries: Iterable[AuditEntry], people: Mapping[str, str], reader: TrailReader
) -> list[TrailRow]:
    return [
        TrailRow(
            entry=entry,
            zone=reader.zone,
            sentence=sentence_html(entry, people, reader),
            details=list(shown_details(entry, reader)),
            who=entry.actor if reader.is_staff or not entry.by_staff else "",
        )
        for entry in entries
    ]


def sentence_html(
    entry: AuditEntry, people: Mapping[str, str], reader: TrailReader
) -> SafeString:
    """Return the sentence of an entry; names are escaped, and isolated by `<bdi>`."""
    values = _values(entry, people, reader)
    shown: dict[str, Any] = {
        name: format_html('<bdi class="name">{}</bdi>', value)
        for name, value in values.items()
    }
    if entry.by_staff:
        staff = gettext("billing staff")
        shown["actor"] = format_html("{} ({})", shown["actor"], staff)
    return format_html(_sentence(entry), **shown)


def sentence_text(
    entry: AuditEntry, people: Mapping[str, str], reader: TrailReader
) -> str:
    """Return the same as plain text, for a cell of a table."""
    return _sentence(entry).format(**_values(entry, people, reader))


def shown_details(entry: AuditEntry, reader: TrailReader) -> Iterator[ShownDetail]:
    """Yield the details that the sentence does not name and the reader may see."""
    text = acts.act_text(entry.act)
    hidden = text.staff_only if text and not reader.is_staff else frozenset()
    named = _fields(_sentence(entry))
    for name, value in _details(entry).items():
        if value in (None, "") or name in hidden or name in named:
            continue
        is_code = name.endswith("sha256")
        yield ShownDetail(
            str(acts.label_of(name)), shown_value(name, value, reader), is_code
        )


def shown_value(name: str, value: object, reader: TrailReader) -> str:
    """Return a detail in the reader's language: codes, days and instants as texts."""
    if isinstance(value, bool):
        return gettext("yes") if value else gettext("no")
    text = str(value)
    if known := acts.value_text(name, text):
        return str(known)
    try:
        if _DAY.fullmatch(text):
            return full_day(date.fromisoformat(text))
        if _INSTANT.fullmatch(text):
            return zoned_text(datetime.fromisoformat(text), reader.zone)
    except (ValueError, OverflowError):
        pass  # it only looked like one
    return text


def _sentence(entry: AuditEntry) -> str:
    text = acts.act_text(entry.act)
    if text is not None:
        return str(text.sentence)
    # The act of an app that is not installed any more, or of a later version.
    return "{actor}: {act}, {subject}" if entry.subject else "{actor}: {act}"


def _values(
    entry: AuditEntry, people: Mapping[str, str], reader: TrailReader
) -> dict[str, str]:
    """Return the text of each field of the sentence."""
    details = _details(entry)
    found = {
        "actor": actor_text(entry.actor, people),
        "act": acts.as_words(entry.act),
        "subject": _subject(entry),
    }
    for name in _fields(_sentence(entry)) - set(found):
        value = details.get(name)
        is_empty = value in (None, "")
        found[name] = _NONE if is_empty else shown_value(name, value, reader)
    return found


def _subject(entry: AuditEntry) -> str:
    text = acts.act_text(entry.act)
    if text is not None and text.subject_text is not None:
        return str(text.subject_text(entry.subject) or entry.subject or _NONE)
    return entry.subject or _NONE


def _details(entry: AuditEntry) -> Mapping[str, object]:
    if isinstance(entry.details, dict):
        return entry.details
    return {"details": entry.details}


def _fields(sentence: str) -> frozenset[str]:
    return frozenset(name for _, name, _, _ in Formatter().parse(sentence) if name)


def actor_cell(
    entry: AuditEntry, people: Mapping[str, str], reader: TrailReader
) -> str:
    """Return who acted for a table: the stored actor, for tenants the name of staff."""
    if entry.by_staff and not reader.is_staff:
        return actor_text(entry.actor, people)
    return entry.actor
