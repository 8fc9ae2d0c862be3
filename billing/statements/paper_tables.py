"""The tables of a statement on paper: lines, days, differences."""

from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import Any

from django.utils.translation import gettext, ngettext

from billing.statements.chart_presenters import days_with_figures
from billing.statements.difference_presenters import (
    ShownCauses,
    ShownDifference,
    all_causes,
    shown_differences,
)
from billing.statements.figure_presenters import (
    DayFigures,
    LineFigures,
    shown_day,
    shown_lines,
)
from billing.statements.manifest import numbered_names
from portal.paper.letters import isolated
from portal.templatetags.shown import day as day_text
from portal.templatetags.shown import grouped, zoned_text

Document = Mapping[str, Any]
Table = Mapping[str, Any]

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

    Those of days and hours are counted: the attached document has them. None if there
    are none at all.
    """
    total = len(document["differences"])
    if not total:
        return None
    names, zone = numbered_names(files), document["period"]["zone"]
    shown = [one for one in shown_differences(document, names) if one.day is None]
    shown.sort(key=lambda one: not one.is_main)
    title = gettext("Differences from version %(last)s")
    causes = _causes_text(all_causes(document, names))
    return {
        "title": title % {"last": document["statement"]["replaces"]["version"]},
        "causes": gettext("Causes: %(causes)s.") % {"causes": causes},
        "heads": [
            gettext("Figure"),
            gettext("Before"),
            gettext("After"),
            gettext("Causes"),
        ],
        "rows": [list(_difference(one, zone)) for one in shown],
        "rest": _rest(total - len(shown)),
    }


def _difference(one: ShownDifference, zone: str) -> Iterator[str]:
    yield isolated(one.figure)
    for value in (one.before, one.after):
        yield (
            zoned_text(value, zone) if isinstance(value, datetime) else isolated(value)
        )
    yield _causes_text(one.causes)


def _value_text(value: str | datetime, zone: str) -> str:
    if isinstance(value, datetime):
        return zoned_text(value, zone)
    return isolated(value)


def _causes_text(causes: ShownCauses) -> str:
    named = [
        f"{one.name} ({isolated(one.server)})" if one.server else one.name
        for one in causes.files
    ]
    if causes.more_files:
        count = causes.more_files
        more = ngettext("%(count)s more file", "%(count)s more files", count)
        named.append(more % {"count": grouped(count)})
    return ", ".join([*named, *map(isolated, causes.others)])


def _rest(count: int) -> str:
    if not count:
        return ""
    sentence = ngettext(
        "%(count)s difference of days and hours is in the attached JSON.",
        "%(count)s differences of days and hours are in the attached JSON.",
        count,
    )
    return sentence % {"count": grouped(count)}
