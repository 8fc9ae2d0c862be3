"""The days of all servers as a table for spreadsheets: written, and forecast."""

from collections.abc import Iterator, Sequence
from datetime import date, timedelta

from django.utils.translation import gettext

from portal.sheets.table import Cell
from usage.disk_space.estimate import DAYS_OF_A_QUARTER
from usage.disk_space.presenters import MeasuredServer

_DAY = timedelta(days=1)


def day_heads() -> list[str]:
    return [
        gettext("Server"),
        gettext("Day"),
        gettext("Kind"),
        gettext("Files"),
        gettext("Bytes"),
        gettext("Bytes, low"),
        gettext("Bytes, high"),
        gettext("Logins"),
        gettext("Files that are safe to delete"),
    ]


def day_rows(
    measured: Sequence[MeasuredServer], *, today: date
) -> list[Sequence[Cell]]:
    """Return a row for each server and day: those known, then the forecast.

    The forecast ends a quarter from today and begins after the last known day; its rows
    have the limits of its range.
    """
    return [row for one in measured for row in _rows(one, today)]


def _rows(one: MeasuredServer, today: date) -> Iterator[Sequence[Cell]]:
    if one.need is None:
        return
    name, need = one.server.name, one.need
    for day in need.days:
        cells = (day.files, day.size, None, None, day.logins, day.safe)
        yield (name, day.day, _kind(day.files, is_whole=day.is_whole), *cells)
    first = need.forecast.last_day + _DAY
    written = {day.day for day in need.days}
    for number in range((today - first).days + DAYS_OF_A_QUARTER):
        day_ahead = first + number * _DAY
        if day_ahead not in written:
            found = need.forecast.between(day_ahead, day_ahead)
            sizes = (round(found.expected), round(found.low), round(found.high))
            yield (name, day_ahead, gettext("forecast"), None, *sizes, None, None)


def _kind(files: int, *, is_whole: bool) -> str:
    if not files:
        return gettext("nothing written")
    return gettext("written") if is_whole else gettext("a file is missing")
