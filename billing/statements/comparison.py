"""Compares a period with the previous one: changes, and what may explain them."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from django.utils.translation import gettext, ngettext

from billing.coverage.periods import Period
from billing.periods.text import month_text
from billing.statements.compute.lines import AGENT
from billing.statements.overview import PeriodFigures
from portal.templatetags.shown import grouped

# A peak is unusual if it is at least this many times that of the previous period, or at
# most that fraction of it.
UNUSUAL_FACTOR = 2

_MINUS = "\N{MINUS SIGN}"

# Monday to Friday.
_WORKING_DAYS = 5

# Names of servers in a sentence; others are counted.
_MOST_SERVERS = 5

Overview = Mapping[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class ShownComparison:
    """How a period compares with `month`, the previous one.

    `named_users` and `peaks` have the signed changes, by the id of a line (`total` for
    all users). `explanations` are sentences on what else differs.
    """

    month: str
    answer: str
    is_unusual: bool
    named_users: Mapping[str, str]
    peaks: Mapping[str, str]
    explanations: Sequence[str]


def compare(
    now: Overview, period: Period, earlier: Sequence[PeriodFigures]
) -> ShownComparison | None:
    """Compare with the previous period, if it is the last of the earlier ones.

    Without usage files it says nothing.
    """
    if not earlier or earlier[-1].period != period.previous():
        return None
    before = earlier[-1]
    if not before.overview["files"]:
        return None
    is_over = not now["completeness"]["pending"]
    return ShownComparison(
        month=month_text(before.period),
        answer=_answer(now, before),
        is_unusual=is_over and is_unusual(*_peaks(now, before.overview)),
        named_users=_changes(now, before.overview, "named_users"),
        peaks=_changes(now, before.overview, "peak"),
        explanations=list(_explanations(now, period, before)),
    )


def signed(change: int) -> str:
    """Write a change with its sign: +4, \N{MINUS SIGN}1, 0."""
    if change == 0:
        return "0"
    return f"{'+' if change > 0 else _MINUS}{grouped(abs(change))}"


def is_unusual(peak: int, before: int) -> bool:
    """Return whether a peak is half or less, or double or more, of the previous one."""
    return bool(before) and not before / UNUSUAL_FACTOR < peak < before * UNUSUAL_FACTOR


def _figures_of(overview: Overview) -> dict[str, Mapping[str, Any]]:
    return {
        "total": overview["totals"],
        **{line["id"]: line for line in overview["lines"]},
    }


def _changes(now: Overview, before: Overview, field: str) -> dict[str, str]:
    earlier = _figures_of(before)
    return {
        name: signed(line[field] - earlier.get(name, {}).get(field, 0))
        for name, line in _figures_of(now).items()
    }


def _peaks(now: Overview, before: Overview) -> tuple[int, int]:
    peak, earlier = (_figures_of(one)[AGENT]["peak"] for one in (now, before))
    return peak, earlier


def _answer(now: Overview, before: PeriodFigures) -> str:
    """Return how the peak of Agents has changed."""
    peak, earlier = _peaks(now, before.overview)
    month = month_text(before.period)
    if not earlier:
        text = gettext("No Agents were logged in during %(month)s.")
        return text % {"month": month}
    # Nothing is left of a peak only where none is.
    most = 100 if not peak else 99
    percent = round(abs(peak - earlier) * 100 / earlier)
    percent = min(percent, most) if peak < earlier else percent
    if peak == earlier:
        text = gettext("The peak of Agents is the same as in %(month)s.")
    elif not percent:
        text = gettext("The peak of Agents is about the same as in %(month)s.")
    elif peak > earlier:
        text = gettext("The peak of Agents is %(percent)s%% higher than in %(month)s.")
    else:
        text = gettext("The peak of Agents is %(percent)s%% lower than in %(month)s.")
    return text % {"percent": grouped(percent), "month": month}


def _explanations(
    now: Overview, period: Period, before: PeriodFigures
) -> Iterator[str]:
    month = month_text(before.period)
    yield from _servers(now["servers"], before.overview["servers"], month)
    complete, earlier = now["completeness"], before.overview["completeness"]
    for name, sentence in (
        ("lost", gettext("Server-days lost: %(now)s (%(month)s: %(before)s).")),
        ("missing", gettext("Server-days missing: %(now)s (%(month)s: %(before)s).")),
        (
            "with_us",
            gettext(
                "Server-days waiting for the billing team: %(now)s"
                " (%(month)s: %(before)s)."
            ),
        ),
    ):
        if complete[name] != earlier[name]:
            yield sentence % {
                "now": grouped(complete[name]),
                "month": month,
                "before": grouped(earlier[name]),
            }
    if complete["pending"]:
        text = ngettext(
            "The period is not over: %(count)s server-day is still pending.",
            "The period is not over: %(count)s server-days are still pending.",
            complete["pending"],
        )
        yield text % {"count": grouped(complete["pending"])}
    days, days_before = (_working_days(one) for one in (period, before.period))
    if days != days_before:
        text = gettext(
            "Working days (Monday to Friday): %(now)s (%(month)s: %(before)s)."
        )
        yield text % {"now": days, "month": month, "before": days_before}
    version, version_before = now["catalogue"], before.overview["catalogue"]
    if version != version_before:
        text = gettext("Catalogue version: %(now)s (%(month)s: %(before)s).")
        yield text % {"now": version, "month": month, "before": version_before}


def _servers(now: Iterable[str], before: Iterable[str], month: str) -> Iterator[str]:
    here, earlier = set(now), set(before)
    for names, sentence in (
        (
            here - earlier,
            gettext("Servers that had no usage in %(month)s: %(names)s."),
        ),
        (
            earlier - here,
            gettext(
                "Servers that had usage in %(month)s and have none now: %(names)s."
            ),
        ),
    ):
        if names:
            yield sentence % {"month": month, "names": _named(names)}


def _named(servers: Iterable[str]) -> str:
    names = sorted(servers)
    shown = ", ".join(names[:_MOST_SERVERS])
    others = len(names) - _MOST_SERVERS
    if others <= 0:
        return shown
    text = ngettext(
        "%(names)s and %(count)s other", "%(names)s and %(count)s others", others
    )
    return text % {"names": shown, "count": grouped(others)}


def _working_days(period: Period) -> int:
    return sum(day.weekday() < _WORKING_DAYS for day in period.days())
