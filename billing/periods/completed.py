"""Says which periods of an upload are complete, in the words of the headline."""

from collections.abc import Collection
from datetime import date, datetime
from itertools import islice

from billing.coverage.periods import Period
from billing.periods.headline import headline
from billing.periods.queries import PeriodView, view_period
from billing.periods.text import COMPLETE

# Periods that are looked at, the newest: each costs the queries of a page.
_SHOWN = 3


def completed_texts(days: Collection[date], at: datetime) -> list[str]:
    """Return a sentence for each complete period of some days, newest first.

    In the unit of work of the tenant.
    """
    periods = sorted({Period.containing(day) for day in days}, reverse=True)
    views = (view_period(one, at=at) for one in islice(periods, _SHOWN))
    return [text for view in views if (text := _completed_text(view, at=at))]


def completed_text(view: PeriodView, days: Collection[date], *, at: datetime) -> str:
    """Return that a period is complete, empty if it is not or has none of the days."""
    if any(day in view.period for day in days):
        return _completed_text(view, at=at)
    return ""


def _completed_text(view: PeriodView, *, at: datetime) -> str:
    if view.judgement.standing not in COMPLETE:
        return ""
    return headline(view, at=at).answer
