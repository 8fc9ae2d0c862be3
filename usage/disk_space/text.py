"""Sentences about forecasts and warnings, in the reader's language."""

import math
from datetime import date, timedelta

from django.utils.formats import number_format
from django.utils.translation import gettext, ngettext

from portal.templatetags.shown import full_day, isolated, megabytes
from usage.disk_space.forecast import Forecast, SizeRange
from usage.disk_space.needs import Odd, ServerNeed, Warned
from usage.disk_space.trends import MOST_GROWTH, Growth, Trend

_WEEK = 7
_WEEKS_OF_A_MONTH = 365.25 / 12 / _WEEK

# With fewer weeks known the forecast is called a guess.
_FEW_WEEKS = 5

# Factors above this are written without decimals.
_LARGE_FACTOR = 10


def size_text(size: float) -> str:
    """Format bytes as every page does; a forecast has no finer digits either."""
    return megabytes(round(size))


def range_text(found: SizeRange) -> str:
    """Format the limits of a forecast; empty if both are shown alike."""
    if size_text(found.low) == size_text(found.high):
        return ""
    return gettext("%(low)s to %(high)s") % {
        "low": size_text(found.low),
        "high": size_text(found.high),
    }


def factor_text(factor: float) -> str:
    return number_format(factor, decimal_pos=0 if factor >= _LARGE_FACTOR else 1)


def trend_sentences(forecast: Forecast) -> list[str]:
    """Describe how the daily size changes, and what the forecast makes of it."""
    trend = forecast.trend
    found = [_growth_sentence(trend)]
    if trend.step is not None:
        first = forecast.last_day - timedelta(days=_WEEK * trend.weeks - 1)
        found.append(_step_sentence(trend.step, first))
    if len(forecast.levels) < _FEW_WEEKS:
        text = ngettext(
            "Only %(count)s week is known, so the forecast is a guess.",
            "Only %(count)s weeks are known, so the forecast is a guess.",
            len(forecast.levels),
        )
        found.append(text % {"count": len(forecast.levels)})
    return found


def _step_sentence(factor: float, first: date) -> str:
    """Describe a change of level; a fall in percent, as 0.01 times says little."""
    if factor < 1:
        text = gettext(
            "Around %(day)s the daily size fell to %(share)s %% of its earlier level;"
            " the forecast uses only the days since then."
        )
        share = number_format(math.ceil(100 * factor))
        return text % {"day": full_day(first), "share": share}
    text = gettext(
        "Around %(day)s the daily size rose to %(factor)s times its earlier level; the"
        " forecast uses only the days since then."
    )
    return text % {"day": full_day(first), "factor": factor_text(factor)}


def _growth_sentence(trend: Trend) -> str:
    if trend.growth is Growth.NONE:
        return gettext("The daily size shows no trend; the forecast keeps it as it is.")
    if trend.slope.usual < 0:
        return gettext(
            "The daily size is falling; the forecast keeps it as it is now, so that the"
            " space is enough if the fall ends."
        )
    if trend.is_too_fast:
        text = gettext(
            "The daily size grows by more than %(share)s %% each month; the forecast"
            " continues %(share)s %%, because such growth rarely lasts."
        )
        return text % {"share": number_format(100 * MOST_GROWTH, decimal_pos=0)}
    if not trend.goes_on:
        return gettext(
            "The daily size is rising a little, which may be seasonal; the forecast"
            " keeps it as it is now."
        )
    if trend.growth is Growth.LINEAR:
        text = gettext(
            "The daily size grows by about %(size)s each month; the forecast continues"
            " that."
        )
        return text % {"size": size_text(trend.slope.usual * _WEEKS_OF_A_MONTH)}
    share = 100 * math.expm1(trend.slope.usual * _WEEKS_OF_A_MONTH)
    text = gettext(
        "The daily size grows by about %(share)s %% each month; the forecast continues"
        " that."
    )
    return text % {"share": number_format(share, decimal_pos=0)}


def warning_sentence(server: str, one: Warned) -> str:
    """Return a warning about a server."""
    texts = {
        Odd.LARGE_DAY: gettext(
            "%(server)s wrote %(size)s on %(day)s: more than 10 MB, which is what the"
            " vendor names for the largest customers."
        ),
        Odd.LARGE_SOON: gettext(
            "If its growth continues, %(server)s will write more than 10 MB a day from"
            " about %(day)s."
        ),
        Odd.GROWTH: gettext(
            "%(server)s writes %(factor)s times as much as one to three months ago."
            " Check whether new users or more logins explain that."
        ),
        Odd.UNUSUAL_DAY: gettext(
            "%(server)s wrote %(size)s on %(day)s: %(factor)s times the usual size. The"
            " forecast treats it as an exception."
        ),
    }
    return texts[one.odd] % {
        "server": isolated(server),
        "size": size_text(one.size),
        "day": full_day(one.day) if one.day else "",
        "factor": factor_text(one.factor),
    }


def until_sentence(need: ServerNeed) -> str:
    """Describe what the space until the next safe delete is made of."""
    if need.is_daily:
        text = gettext(
            "Its files are usually confirmed within a week, so the next files are"
            " expected to be safe to delete by %(day)s."
        )
    else:
        text = gettext(
            "“Until safe to delete” counts its files from %(first)s, the first day"
            " whose files are not all safe to delete, to %(day)s, when the next upload"
            " is due."
        )
    return text % {
        "first": full_day(need.kept_from),
        "day": full_day(need.safe_on),
    }
