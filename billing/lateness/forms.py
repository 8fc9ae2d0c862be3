"""Forms of billing staff for deadlines, zones and late flags."""

from collections import defaultdict
from collections.abc import Mapping
from functools import cache
from typing import Any

from django import forms
from django.core.exceptions import ValidationError
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from billing.coverage.periods import Period
from billing.models import Consequence, TenantPeriod
from billing.periods.text import month_text
from portal.forms import ExactField, ReasonField, zone_choices
from portal.templatetags.shown import short_day


def _reason() -> ReasonField:
    return ReasonField(
        error_messages={"required": _("A decision needs a reason.")},
        widget=forms.TextInput(attrs={"class": "input"}),
    )


def _last_day() -> forms.DateField:
    return forms.DateField(
        label=_("Last day that is on time"),
        help_text=_("It ends at midnight in the zone of the period."),
        widget=forms.DateInput(attrs={"class": "input", "type": "date"}),
    )


# The id of the list of zones that a page with a `ZoneField` offers.
ZONES = "zones"


class ZoneField(ExactField):
    """A time zone as people type it: its name, or its place if only one zone has it.

    The page offers all names in a `datalist` with the id `ZONES`.
    """

    widget = forms.TextInput(
        attrs={"class": "input", "list": ZONES, "spellcheck": "false"}
    )

    def __init__(self, **options: Any) -> None:
        help_text = _("Type a place, for example Berlin, and choose from the list.")
        super().__init__(
            **{"label": _("Time zone"), "help_text": help_text, **options},
            max_length=64,
        )

    def clean(self, value: Any) -> str:
        """Return the name of the zone.

        Raises:
            ValidationError: no zone, or several, have this name or place.

        """
        typed: str = super().clean(value)
        found = _zones_by_name().get(_folded(typed), [])
        if len(found) == 1:
            return found[0]
        if found:
            text = gettext("Several time zones are called that: %(names)s.")
            raise ValidationError(text % {"names": ", ".join(found)})
        text = gettext("“%(typed)s” is not a time zone. Choose one from the list.")
        raise ValidationError(text % {"typed": typed})


def zone_names() -> list[str]:
    """Return the names of all zones that a `ZoneField` takes."""
    return [name for name, _text in zone_choices() if name]


@cache
def _zones_by_name() -> Mapping[str, list[str]]:
    """Return the zones by their folded name, and by their folded place."""
    found: dict[str, list[str]] = defaultdict(list)
    for name in zone_names():
        found[_folded(name)].append(name)
        if "/" in name:
            found[_folded(name.rpartition("/")[2])].append(name)
    return dict(found)


def _folded(name: str) -> str:
    return name.strip().replace(" ", "_").casefold()


class BulkExtensionForm(forms.Form):
    """More time for several tenants, up to the end of a day."""

    to = _last_day()
    reason = _reason()


class ExtensionForm(forms.Form):
    """More time for a period, up to the end of a day."""

    period = forms.TypedChoiceField(coerce=Period.parse, label=_("Period"))
    to = _last_day()
    reason = _reason()

    def __init__(self, *args: Any, opened: list[TenantPeriod], **kwargs: Any) -> None:
        super().__init__(*args, **{"auto_id": "extend-%s", **kwargs})
        _offer(self, opened)


class ZoneCorrectionForm(forms.Form):
    """The zone that a period's deadline should have been in."""

    period = forms.TypedChoiceField(coerce=Period.parse, label=_("Period"))
    zone = ZoneField()
    reason = _reason()

    def __init__(self, *args: Any, opened: list[TenantPeriod], **kwargs: Any) -> None:
        super().__init__(*args, **{"auto_id": "zone-%s", **kwargs})
        _offer(self, opened)


class ZoneChangeForm(forms.Form):
    """The zone that a tenant's later periods open in."""

    zone = ZoneField()
    reason = _reason()

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **{"auto_id": "own-zone-%s", **kwargs})


class ConsequenceForm(forms.Form):
    """A consequence; the one that the page has shown, and the days, a line each."""

    consequence = forms.ChoiceField(choices=Consequence.choices)
    seen = forms.ChoiceField(choices=[("", ""), *Consequence.choices], required=False)
    days = ExactField()
    reason = _reason()


def _offer(form: forms.Form, opened: list[TenantPeriod]) -> None:
    field = form.fields["period"]
    assert isinstance(field, forms.TypedChoiceField)  # noqa: S101 - for the type
    field.choices = [(one.period, _period_text(one.period)) for one in opened]
    field.widget.attrs["class"] = "input"


def _period_text(name: str) -> str:
    period = Period.parse(name)
    return gettext("%(name)s, %(first)s to %(last)s") % {
        "name": month_text(period),
        "first": short_day(period.starts_on),
        "last": short_day(period.ends_on),
    }
