"""Texts of the differences between versions: figures before and after, causes."""

from datetime import date, datetime

from django.utils.text import Truncator
from django.utils.translation import gettext

from billing.statements.text import SERVER_PREFIX, hours_text
from portal.templatetags.shown import day as day_text
from portal.templatetags.shown import grouped, megabytes
from portal.typed_text.clean import isolated

_A_MINUTE, _AN_HOUR = 60, 3600

_INSTANTS = ("peak_at", "held_30min_from", "starts_at", "ends_at")

# Figures that are texts.
_TEXTS = ("file", "last_received_day")

# Characters of a reason that a table of differences shows.
_TEXT_SHOWN = 120


def value_texts(
    field: str, before: int | str | None, after: int | str | None
) -> tuple[str | datetime, str | datetime]:
    """Return a figure before and after as texts that show their difference.

    Instants stay `datetime`, for the page's zone.
    """
    if not field.endswith("_seconds"):
        return _value_text(field, before), _value_text(field, after)
    times = int(before or 0), int(after or 0)
    is_small = abs(times[1] - times[0]) < _AN_HOUR
    text = _duration_text if is_small else hours_text
    return text(times[0]), text(times[1])


def _value_text(field: str, value: int | str | None) -> str | datetime:
    is_text = field in _TEXTS or field.startswith(SERVER_PREFIX)
    if value is None and (is_text or field in _INSTANTS):
        return gettext("none")
    if isinstance(value, str):
        return Truncator(value).chars(_TEXT_SHOWN) if is_text else _instant(value)
    return megabytes(value or 0) if field == "bytes" else grouped(value or 0)


def _instant(value: str) -> datetime:
    return datetime.fromisoformat(value)


def _duration_text(seconds: int) -> str:
    """Return seconds as hours, minutes and seconds: 1,208:05:30."""
    minutes, rest = divmod(seconds, _A_MINUTE)
    hours, minutes = divmod(minutes, _A_MINUTE)
    return f"{grouped(hours)}:{minutes:02}:{rest:02}"


def cause_text(cause: str) -> str:
    """Return the text of a cause other than a file, such as `catalogue:2`."""
    kind, _, rest = cause.partition(":")
    if kind == "excuse":
        server, _, day = rest.rpartition(":")
        at = day_text(date.fromisoformat(day))
        shown = {"server": isolated(server), "day": at}
        return gettext("the excuse of %(server)s for %(day)s") % shown
    if kind == "catalogue":
        return gettext("catalogue version %(number)s") % {"number": rest}
    if kind == "rules":
        return gettext("version %(number)s of the rules") % {"number": rest}
    return gettext("a change of the calendar")
