"""Presents the disk space of servers: rows, the chart of one server, the answer."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import date, timedelta

from django.utils.translation import gettext, ngettext

from portal.errors import Refused
from portal.templatetags.shown import full_day, grouped, isolated
from usage.disk_space import text
from usage.disk_space.chart import WeeksChart, weeks_chart
from usage.disk_space.days import DaySize, on_whole_days
from usage.disk_space.estimate import DAYS_OF_A_QUARTER
from usage.disk_space.needs import ServerNeed, is_silent, need_of
from usage.disk_space.queries import MeasuredDays
from usage.disk_space.weeks import UsageWeek, usage_weeks
from usage.models import Server


@dataclass(frozen=True, slots=True)
class MeasuredServer:
    """A server with its need; None if it is left out of the forecast, for `why_not`."""

    server: Server
    need: ServerNeed | None
    why_not: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class SpaceRow:
    """A server as the table shows it; `mark` is set if there is a warning."""

    server: Server
    mark: str
    a_day: str
    largest: str
    largest_on: date
    a_login: str
    restarts: int
    until_safe: str
    until_range: str
    safe_on: date
    month: str
    month_range: str
    quarter: str
    quarter_range: str


@dataclass(frozen=True, slots=True, kw_only=True)
class WeekRow:
    """A week as the table below the chart shows it; texts are empty if unknown."""

    week: UsageWeek
    size: str
    a_day: str
    a_day_range: str
    a_login: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ChosenServer:
    """The chart of a server with its sentences, and the rows of its table."""

    server: Server
    sentences: list[str]
    title: str
    sentence: str
    chart: WeeksChart
    rows: list[WeekRow]


def measured_servers(
    found: Sequence[MeasuredDays], *, today: date, due_on: Callable[[date], date]
) -> list[MeasuredServer]:
    """Return each server with its need, or the reason why it is left out."""
    return [_measured(one, today, due_on) for one in found]


def _measured(
    one: MeasuredDays, today: date, due_on: Callable[[date], date]
) -> MeasuredServer:
    server = one.server
    if server.retired_on is not None and server.retired_on <= today:
        why = gettext("retired on %(day)s") % {"day": full_day(server.retired_on)}
        return MeasuredServer(server, None, why)
    if not any(day.files for day in one.days):
        why = gettext("no accepted file of the last 26 weeks")
        return MeasuredServer(server, None, why)
    if is_silent(one.days, today):
        last = max(day.day for day in one.days if day.files)
        why = gettext("no accepted file after %(day)s") % {"day": full_day(last)}
        return MeasuredServer(server, None, why)
    need = need_of(one.days, today=today, due_on=due_on)
    return MeasuredServer(server, need, "" if need else gettext("no complete day yet"))


def answer(measured: Sequence[MeasuredServer]) -> str:
    """Return the first sentence: the most that a server needs, and until when."""
    largest = neediest(measured)
    if largest is None or largest.need is None:
        return gettext("There are no files to measure yet.")
    count = sum(one.need is not None for one in measured)
    sentence = ngettext(
        "%(server)s needs up to %(size)s for usage files until %(day)s.",
        "Each server needs up to %(size)s for usage files until %(day)s; %(server)s"
        " needs the most.",
        count,
    )
    return sentence % {
        "server": isolated(largest.server.name),
        "size": text.size_text(largest.need.until_safe.high),
        "day": full_day(largest.need.safe_on),
    }


def neediest(measured: Sequence[MeasuredServer]) -> MeasuredServer | None:
    """Return the server that needs the most space, if any is measured."""
    known = [(one.need.until_safe.high, one) for one in measured if one.need]
    return max(known, key=lambda pair: pair[0])[1] if known else None


def chosen_of(measured: Sequence[MeasuredServer], wanted: str) -> MeasuredServer | None:
    """Return the server that an address names, else the one that needs the most.

    Raises:
        Refused: there is no such server, or it is left out of the forecast.

    """
    if not wanted:
        return neediest(measured)
    for one in measured:
        if one.need is not None and wanted == str(one.server.pk):
            return one
    raise Refused("not-found")


def warnings(measured: Sequence[MeasuredServer]) -> list[str]:
    return [
        text.warning_sentence(one.server.name, warned)
        for one in measured
        if one.need is not None
        for warned in one.need.warned
    ]


def server_row(server: Server, need: ServerNeed) -> SpaceRow:
    recent = need.recent
    largest = max(recent, key=lambda one: one.size)
    whole = on_whole_days(recent) or recent
    return SpaceRow(
        server=server,
        mark="partial" if need.warned else "",
        a_day=text.size_text(sum(one.size for one in whole) / len(whole)),
        largest=text.size_text(largest.size),
        largest_on=largest.day,
        a_login=login_text(recent),
        restarts=sum(max(one.files - 1, 0) for one in recent),
        until_safe=text.size_text(need.until_safe.expected),
        until_range=text.range_text(need.until_safe),
        safe_on=need.safe_on,
        month=text.size_text(need.month.expected),
        month_range=text.range_text(need.month),
        quarter=text.size_text(need.quarter.expected),
        quarter_range=text.range_text(need.quarter),
    )


def login_text(days: Sequence[DaySize] | Sequence[UsageWeek]) -> str:
    """Return the bytes of a login on average; empty if nobody has logged in."""
    logins = sum(one.logins for one in days)
    if not logins:
        return ""
    size = round(sum(one.size for one in days) / logins)
    return ngettext("%(size)s byte", "%(size)s bytes", size) % {"size": grouped(size)}


def chosen_server(server: Server, need: ServerNeed, *, today: date) -> ChosenServer:
    """Return what the page shows of one server: past weeks and the next quarter."""
    until = today + timedelta(days=DAYS_OF_A_QUARTER - 1)
    weeks = usage_weeks(need.days, need.forecast, until=until)
    known = [one for one in weeks if one.a_day and not one.is_forecast]
    last = next(one for one in reversed(weeks) if one.a_day)
    sentence = gettext(
        "%(now)s a day in the newest week that is known, %(then)s in the last week of"
        " the forecast."
    )
    values = {
        "now": text.size_text(known[-1].a_day.expected if known[-1].a_day else 0),
        "then": text.size_text(last.a_day.expected if last.a_day else 0),
    }
    title = gettext("Bytes a day on %(server)s, by week")
    return ChosenServer(
        server=server,
        sentences=[text.until_sentence(need), *text.trend_sentences(need.forecast)],
        title=title % {"server": isolated(server.name)},
        sentence=sentence % values,
        chart=weeks_chart(weeks),
        rows=[_week_row(one) for one in weeks],
    )


def _week_row(week: UsageWeek) -> WeekRow:
    a_day = week.a_day
    return WeekRow(
        week=week,
        size=text.size_text(week.size) if a_day or week.files else "",
        a_day=text.size_text(a_day.expected) if a_day else "",
        a_day_range=text.range_text(a_day) if a_day and week.is_forecast else "",
        a_login=login_text([week]),
    )
