"""Draws the strip of a tenant's days on the billing desk, as SVG."""

from datetime import date, datetime
from functools import lru_cache
from zoneinfo import ZoneInfo

from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString
from django.utils.translation import gettext

from billing.coverage.periods import Period
from billing.coverage.standing import Standing
from billing.desk.desk_row import DeskRow

# A strip draws each day as a bar of 5 in a step of 6; covered days stand on the line at
# 14, missing ones hang below it. Silence is the bare line. The summary has a letter for
# each day; a day that is not over is drawn as a dot.
_STEP, _BAR = 6, 5
_PENDING = "."
_WAITS = "mpw"
_SHAPES = {
    "r": ("received", "M{x} 2h5v11h-5z"),
    "p": ("partial", "M{x} 7h5v6h-5zM{x} 15h5v4h-5z"),
    "m": ("missing", "M{x} 15h5v7h-5z"),
    "e": ("excused", "M{x}.5 8.5h4v4h-4z"),
    "w": ("with-us", "M{x}.625 2.625h3.75v9.75h-3.75z"),
    _PENDING: ("pending", "M{x} 9h2v2h-2z"),
}

# Distinct strips are few: most tenants are complete.
_KEPT = 4_096


def draw(row: DeskRow, open_days: int) -> SafeString:
    """Draw a tenant's days, of which the last `open_days` are not over."""
    label = gettext("%(covered)d of %(owed)d server-days received")
    return format_html(
        '<svg class="strip" viewBox="0 0 {} 23" role="img" aria-label="{}">{}</svg>',
        _width(row.strip),
        label % {"covered": row.covered, "owed": row.owed},
        _paths(row.strip, open_days),
    )


@lru_cache(maxsize=_KEPT)
def _paths(letters: str, open_days: int) -> SafeString:
    """Draw the days; days without a file among the last `open_days` are pending."""
    over = len(letters) - open_days
    drawn: dict[str, str] = {}
    for number, letter in enumerate(letters):
        shown = _PENDING if number >= over and letter in _WAITS else letter
        if shown in _SHAPES:
            name, shape = _SHAPES[shown]
            path = shape.replace("{x}", str(number * _STEP))
            drawn[name] = drawn.get(name, "") + path
    paths = format_html_join("", '<path class="{}" d="{}" />', drawn.items())
    return format_html('<path class="axis" d="M0 14h{}" />{}', _width(letters), paths)


def _width(letters: str) -> int:
    return len(letters) * _STEP - (_STEP - _BAR)


def open_days(row: DeskRow, period: Period, *, at: datetime) -> int:
    """Count the days at the end that are not over, by the zone of the period."""
    if row.standing is not Standing.OPEN:
        return 0
    return _days_ahead(period, row.zone, at)


def _days_ahead(period: Period, zone: str, at: datetime) -> int:
    clock = ZoneInfo(zone)
    today: date = at.astimezone(clock).date()
    ahead = (period.ends_on - today).days + 1
    return max(0, min(ahead, (period.ends_on - period.starts_on).days + 1))
