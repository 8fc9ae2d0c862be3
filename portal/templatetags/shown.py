"""Template tags and filters that format marks, sizes, days, instants and zones."""

from datetime import date, datetime, timedelta, timezone
from functools import lru_cache
from zoneinfo import ZoneInfo

from django import template
from django.conf import settings
from django.utils.formats import date_format, number_format
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString
from django.utils.translation import get_language, gettext

from portal.typed_text import clean

register = template.Library()

# Sizes are decimal, as everywhere in the portal: 1 KB is 1,000 bytes.
KILOBYTE, MEGABYTE = 1_000, 1_000_000

# The smallest size that is shown in MB, with two decimals: it rounds to 0.10 MB.
MEGABYTES_FROM = 99_500


@register.simple_tag
def mark(name: str) -> SafeString:
    """Draw a state's shape; the word beside it names the state."""
    return format_html(
        '<svg class="mark" aria-hidden="true"><use href="#m-{}"/></svg>', name
    )


@register.simple_tag
def icon(name: str) -> SafeString:
    """Draw a small picture on a button that also has words."""
    return format_html(
        '<svg class="icon" aria-hidden="true"><use href="#m-{}"/></svg>', name
    )


@register.simple_tag
def most_files() -> int:
    """Return the largest number of files that one plain form takes."""
    return settings.DATA_UPLOAD_MAX_NUMBER_FILES or 0


@register.simple_tag
def support_contact() -> dict[str, str]:
    """Return the support contact: `address` of the link and `name`; {} if none."""
    address = settings.SUPPORT_CONTACT
    if not address:
        return {}
    return {"address": address, "name": address.removeprefix("mailto:")}


def shown_size(size: int) -> int:
    """Return a size as it is shown, in bytes: whole KB below 0.1 MB, then 0.01 MB.

    A file of a few bytes is shown as 1 KB, not as 0 KB.
    """
    if size < MEGABYTES_FROM:
        return max((size + 500) // KILOBYTE, 1) * KILOBYTE if size else 0
    return (size + 5_000) // 10_000 * 10_000


@register.filter
def code_spans(text: str) -> SafeString:
    """Return text as HTML, escaped, with what is between two backticks as `<code>`."""
    parts = text.split("`")
    return format_html_join(
        "",
        "{}",
        (
            (format_html('<code class="is-whole">{}</code>', part) if at % 2 else part,)
            for at, part in enumerate(parts)
        ),
    )


@register.filter
def isolated(name: object) -> str:
    """Keep a name from moving the words beside it, where there is no `<bdi>`."""
    return clean.isolated(str(name))


@register.filter
def megabytes(size: int) -> str:
    """Format a number of bytes in KB, and from 0.1 MB on in MB, as every page does."""
    return total_megabytes(shown_size(size))


@register.filter
def total_megabytes(shown: int) -> str:
    """Format a sum of shown sizes in bytes; with a third decimal where it has one."""
    if shown < MEGABYTES_FROM:
        return gettext("%(size)s KB") % {"size": number_format(shown // KILOBYTE)}
    digits = 3 if shown % 10_000 else 2
    size = number_format(shown / MEGABYTE, decimal_pos=digits, force_grouping=True)
    return gettext("%(size)s MB") % {"size": size}


@register.filter
def grouped(number: int) -> str:
    """Format a count with its digits grouped: 1,284."""
    return number_format(number, force_grouping=True)


@register.filter
def day(value: date) -> str:
    """Format a day: Wed 27 May."""
    return date_format(value, "D j F")


@register.filter
def short_day(value: date) -> str:
    """Format a day within a period: 27 May."""
    return date_format(value, "j F")


@register.filter
def full_day(value: date) -> str:
    """Format a day with its year: Wed 27 May 2026."""
    return date_format(value, "D j F Y")


@register.simple_tag
def instant(at: datetime, zone: str) -> SafeString:
    """Format an instant as clocks of a zone show it; the zone is named elsewhere."""
    local = at.astimezone(ZoneInfo(zone))
    return format_html(
        '<time datetime="{}">{}</time>',
        local.isoformat(),
        _clock(local),
    )


@register.simple_tag
def clock(
    at: datetime, zone: str, *, with_seconds: bool = False, with_offset: bool = False
) -> SafeString:
    """Format an instant as the time of a day that is named elsewhere: 14:05.

    `with_offset` for a day on which the clock is changed: 02:05 UTC+1.
    """
    local = at.astimezone(ZoneInfo(zone))
    shown = f"{local:%H:%M:%S}" if with_seconds else f"{local:%H:%M}"
    if with_offset:
        shown = f"{shown} {_utc(local)}"
    return format_html('<time datetime="{}">{}</time>', local.isoformat(), shown)


@register.simple_tag
def deadline(at: datetime, zone: str) -> SafeString:
    """Format an instant as `instant` does; a script adds the reader's own time."""
    local = at.astimezone(ZoneInfo(zone))
    return format_html(
        '<time datetime="{}" data-own="{}">{}</time>',
        local.isoformat(),
        gettext("That is {time} in {zone}."),
        _clock(local),
    )


@register.simple_tag
def zoned(at: datetime, zone: str) -> SafeString:
    """Format an instant with the name of its zone: Fri 5 June 2026, 07:51 BST."""
    letters = _zone_letters(at.astimezone(ZoneInfo(zone)))
    return format_html("{} {}", instant(at, zone), letters)


def zoned_text(at: datetime, zone: str) -> str:
    """Format an instant as `zoned` does, as plain text."""
    local = at.astimezone(ZoneInfo(zone))
    return f"{_clock(local)} {_zone_letters(local)}"


@register.simple_tag
def offset_instant(at: datetime, minutes: int) -> SafeString:
    """Format an instant as shown by a clock that was some minutes from UTC."""
    local = at.astimezone(timezone(timedelta(minutes=minutes)))
    return format_html(
        '<time datetime="{}">{}</time> {}',
        local.isoformat(),
        date_format(local, "D j F Y, H:i:s"),
        _utc(local),
    )


@register.simple_tag
def zone_text(at: datetime, zone: str) -> str:
    """Format a zone and its offset from UTC at an instant: Zurich (CEST, UTC+2)."""
    local = at.astimezone(ZoneInfo(zone))
    place = zone.rsplit("/", 1)[-1].replace("_", " ")
    name = local.strftime("%Z")
    # Zones without letters of their own are called by their offset already.
    letters = f"{name}, " if name.isalpha() and name != "UTC" else ""
    return f"{place} ({letters}{_utc(local)})"


def _zone_letters(local: datetime) -> str:
    name = local.strftime("%Z")
    # Zones without letters of their own are called by their offset already.
    return name if name.isalpha() else _utc(local)


def _clock(local: datetime) -> str:
    return f"{_day_text(local.date(), get_language())}, {local:%H:%M}"


# A long list names few days, and names each of them often.
@lru_cache(maxsize=1_024)
def _day_text(value: date, language: str | None) -> str:  # noqa: ARG001 - the words are of one language
    return date_format(value, "D j F Y")


def _utc(local: datetime) -> str:
    offset = local.strftime("%z")
    hours = offset[:3].replace("+0", "+").replace("-0", "-")
    minutes = "" if offset[3:] == "00" else f":{offset[3:]}"
    return f"UTC{hours}{minutes}"


@register.simple_tag
def instant_text(at: datetime, zone: str) -> str:
    """Format an instant with its zone as plain text, for a mail."""
    local = at.astimezone(ZoneInfo(zone))
    return f"{date_format(local, 'D j F Y, H:i')}, {zone_text(at, zone)}"
