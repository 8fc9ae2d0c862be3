"""The filters of a trail, from the query of an address."""

from dataclasses import replace
from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

from django import forms
from django.core.validators import MaxValueValidator, MinValueValidator
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from portal.errors import Refused
from portal.forms import ExactField, LineField
from portal.history import acts
from portal.history.acts import Text
from portal.history.queries import ActorKind, EntryKey, TrailFilter

# Days that a calendar of any zone has room around.
_FIRST_DAY, _LAST_DAY = date(2000, 1, 1), date(2199, 12, 31)

# Before the code of a group of acts, in an address.
_GROUP = "group:"

# Digits of the largest number in the database.
_DIGITS = 18

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)

# The instants of an address reach as far as those of the database and of Python.
_MOST_MICROSECONDS = 4 * 10**15


def act_options() -> list[tuple[Text, list[tuple[str, Text]]]]:
    """Return the choices of the act by group; the first, of all acts, has no title."""
    found: list[tuple[Text, list[tuple[str, Text]]]] = [("", [("", _("All acts"))])]
    for group, members in acts.groups():
        every = gettext("All of: %(group)s") % {"group": group.title}
        named = sorted((str(text.title), code) for code, text in members)
        options = [(f"{_GROUP}{group.code}", every)]
        found.append((group.title, [*options, *((one, name) for name, one in named)]))
    return found


def _act_choices() -> list[tuple[str, Text]]:
    return [option for _title, options in act_options() for option in options]


class _DayField(forms.DateField):
    widget = forms.DateInput(attrs={"type": "date"}, format="%Y-%m-%d")

    def __init__(self) -> None:
        bounds = [MinValueValidator(_FIRST_DAY), MaxValueValidator(_LAST_DAY)]
        super().__init__(required=False, input_formats=["%Y-%m-%d"], validators=bounds)


class TrailForm(forms.Form):
    """Filters of a trail. A value that is no filter is left out, see `ignored`."""

    who = ExactField(required=False, max_length=200)
    by = forms.ChoiceField(
        required=False,
        choices=[
            ("", _("Everybody")),
            (ActorKind.STAFF, _("Billing staff")),
            (ActorKind.OTHERS, _("Everybody else")),
        ],
    )
    act = forms.ChoiceField(required=False, choices=_act_choices)
    subject = ExactField(required=False, max_length=200)
    since = _DayField()
    until = _DayField()

    def ignored(self) -> list[str]:
        """Return the values that are no filters, as they were given."""
        return [str(self.data.get(name, "")) for name in self.errors]

    def wanted(self, *, zone: str, tenant_id: int | None = None) -> TrailFilter:
        """Return the filter; its days are those of a zone."""
        self.is_valid()
        chosen = self.cleaned_data
        actor, kind = chosen.get("who", ""), chosen.get("by", "")
        return TrailFilter(
            tenant_id=tenant_id,
            actor=actor.lower() if "@" in actor else actor,
            kind=ActorKind(kind) if kind else None,
            acts=_acts(chosen.get("act", "")),
            subject=chosen.get("subject", ""),
            since=_day_begins(chosen.get("since"), zone),
            until=_day_begins(_next(chosen.get("until")), zone),
        )

    def require_all(self) -> None:
        """Refuse values that are no filters, for a download, which shows no warning.

        Raises:
            Refused: the name of the first such field is its detail.

        """
        for name in self.errors:
            raise Refused("input-invalid", detail=name)


class StaffTrailForm(TrailForm):
    """The same over all trails; `tenant` is a customer number."""

    tenant = LineField(required=False, max_length=100)
    trail = forms.ChoiceField(
        required=False,
        choices=[("", _("All trails")), ("staff", _("The trail of the staff"))],
    )

    def wanted(self, *, zone: str, tenant_id: int | None = None) -> TrailFilter:
        """Return the filter; its days are those of a zone."""
        found = super().wanted(zone=zone, tenant_id=tenant_id)
        is_own = self.cleaned_data.get("trail") == "staff"
        return replace(found, is_staff_trail=is_own)


def entry_key(text: str) -> EntryKey | None:
    """Return the key in an address, None if it is not one."""
    at, _separator, entry_id = text.partition("-")
    if not (_is_number(at) and _is_number(entry_id)) or int(at) > _MOST_MICROSECONDS:
        return None
    return EntryKey(_EPOCH + int(at) * _MICROSECOND, int(entry_id))


def key_text(key: EntryKey) -> str:
    """Return a key as `entry_key` reads it."""
    return f"{(key.at - _EPOCH) // _MICROSECOND}-{key.entry_id}"


def _is_number(text: str) -> bool:
    return text.isascii() and text.isdigit() and len(text) <= _DIGITS


def _acts(chosen: str) -> tuple[str, ...]:
    if chosen.startswith(_GROUP):
        return tuple(acts.acts_of(chosen.removeprefix(_GROUP)))
    return (chosen,) if chosen else ()


def _next(day: date | None) -> date | None:
    return day + timedelta(days=1) if day else None


def _day_begins(day: date | None, zone: str) -> datetime | None:
    """Return the first instant of a day; UTC, as the database compares it."""
    if day is None:
        return None
    return datetime.combine(day, time(), ZoneInfo(zone)).astimezone(UTC)
