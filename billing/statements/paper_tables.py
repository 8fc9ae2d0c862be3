"""The tables of a statement on paper: lines, days, differences."""

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any

from django.utils.translation import gettext, ngettext

from billing.statements.chart_presenters import days_with_figures
from billing.statements.difference_presenters import (
    HASH_CHARACTERS,
    ShownDifference,
    shown_differences,
    unchanged_text,
)
from billing.statements.difference_text import cause_text
from billing.statements.figure_presenters import (
    DayFigures,
    LineFigures,
    shown_day,
    shown_lines,
)
from billing.statements.manifest import numbered_names
from portal.paper.characters import isolated
from portal.templatetags.shown import day as day_text
from portal.templatetags.shown import grouped, zoned_text

Document = Mapping[str, Any]
Table = Mapping[str, Any]

# Causes that are listed by name: those of a usual correction.
_MOST_CAUSES = 20

# Where there is no figure.
_NONE = "\N{EN DASH}"


def lines_table(document: Document) -> Table:
    """Return the figures by licence."""
    zone = document["period"]["zone"]
    return {
        "heads": [
            gettext("Licence"),
            gettext("Named users"),
            gettext("Peak"),
            gettext("First reached"),
            gettext("Held for 30 minutes"),
            gettext("Logins"),
            gettext("Time used"),
        ],
        "rows": [list(_line(line, zone)) for line in shown_lines(document)],
    }


def _line(line: LineFigures, zone: str) -> Iterator[str]:
    add_on = gettext("%(licence)s (add-on of Agents)")
    name = isolated(line.name)
    yield add_on % {"licence": name} if line.is_add_on else name
    yield grouped(line.named_users)
    yield grouped(line.peak)
    yield zoned_text(line.peak_at, zone) if line.peak_at else _NONE
    yield _NONE if line.held is None else grouped(line.held)
    yield grouped(line.logins)
    yield line.hours


def days_table(document: Document) -> Table:
    """Return the figures of each day, then those of days outside of the period."""
    known = days_with_figures(document)
    days = [shown_day(one, has_figures=one["day"] in known) for one in document["days"]]
    outside = [shown_day(one, has_figures=True) for one in document["outside"]]
    return {
        "heads": [
            gettext("Day"),
            gettext("Agents, peak"),
            gettext("Agents, named"),
            gettext("Business Users, peak"),
            gettext("Business Users, named"),
            gettext("Logins"),
            gettext("Time used"),
            gettext("Server-days covered"),
        ],
        "rows": [list(_day(one)) for one in (*days, *outside)],
    }


def _day(one: DayFigures) -> Iterator[str]:
    yield day_text(one.day)
    if one.has_figures:
        yield grouped(one.agent["peak"])
        yield grouped(one.agent["named_users"])
        yield grouped(one.business["peak"])
        yield grouped(one.business["named_users"])
        yield grouped(one.logins)
        yield one.hours
    else:
        yield from [_NONE] * 6
    if one.side:
        is_before = one.side == "before"
        before, after = gettext("before the period"), gettext("after the period")
        yield before if is_before else after
    elif one.owed:
        shown = {"covered": grouped(one.covered), "owed": grouped(one.owed)}
        yield gettext("%(covered)s of %(owed)s") % shown
    else:
        yield gettext("none owed")


def differences(document: Document, files: bytes) -> Table | None:
    """Return the differences of the whole period from the version before.

    Causes are listed once, and numbered for the rows. Other differences are counted:
    the attached document has them. None if there are none at all.
    """
    total = len(document["differences"])
    if not total:
        return None
    zone = document["period"]["zone"]
    # Both in the same order.
    shown = [one for one in shown_differences(document, {}) if one.day is None]
    found = [one for one in document["differences"] if one["day"] is None]
    pairs = sorted(
        zip(shown, found, strict=False), key=lambda pair: not pair[0].is_main
    )
    causes = list(
        dict.fromkeys(
            cause for one in document["differences"] for cause in one["because"]
        )
    )
    title = gettext("Differences from version %(last)s")
    return {
        "title": title % {"last": document["statement"]["replaces"]["version"]},
        "unchanged": unchanged_text(document),
        "causes": list(_causes(causes, files)),
        "heads": [
            gettext("Figure"),
            gettext("Before"),
            gettext("After"),
            gettext("Causes"),
        ],
        "rows": [
            [*_difference(one, zone), _numbers(of["because"], causes)]
            for one, of in pairs
        ],
        "rest": _rest(total - len(shown)),
    }


def _difference(one: ShownDifference, zone: str) -> Iterator[str]:
    yield isolated(one.figure)
    yield _value_text(one.before, zone)
    after = _value_text(one.after, zone)
    if one.reached_on:
        text = gettext("%(value)s (first reached on %(day)s)")
        after = text % {"value": after, "day": day_text(one.reached_on)}
    yield after


def _causes(causes: Sequence[str], files: bytes) -> Iterator[str]:
    """Yield the name of each cause, in the order of their numbers."""
    names = numbered_names(files)
    for cause in causes[:_MOST_CAUSES]:
        kind, _, sha256 = cause.partition(":")
        if kind != "file":
            yield isolated(cause_text(cause))
        elif sha256 in names:
            yield f"{names[sha256].name} ({isolated(names[sha256].server)})"
        else:
            yield sha256[:HASH_CHARACTERS]
    more = len(causes) - _MOST_CAUSES
    if more > 0:
        text = ngettext("%(count)s more cause", "%(count)s more causes", more)
        yield text % {"count": grouped(more)}


def _numbers(because: Sequence[str], causes: Sequence[str]) -> str:
    """Return the numbers of causes; those that are not listed share the last one."""
    numbers = {min(causes.index(one), _MOST_CAUSES) + 1 for one in because}
    return ", ".join(map(str, sorted(numbers)))


def _value_text(value: str | datetime, zone: str) -> str:
    if isinstance(value, datetime):
        return zoned_text(value, zone)
    return isolated(value)


def _rest(count: int) -> str:
    if not count:
        return ""
    sentence = ngettext(
        "%(count)s more difference is in the attached JSON.",
        "%(count)s more differences are in the attached JSON.",
        count,
    )
    return sentence % {"count": grouped(count)}
