"""Forms of billing staff for deadlines, zones and late flags."""

from typing import Any

from django import forms
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from billing.coverage.periods import Period
from billing.models import Consequence, TenantPeriod
from portal.approvals import REASON_CHARACTERS
from portal.forms import zone_choices
from portal.templatetags.shown import short_day


def _reason() -> forms.CharField:
    return forms.CharField(
        max_length=REASON_CHARACTERS,
        label=_("Reason"),
        error_messages={"required": _("A decision needs a reason.")},
        widget=forms.TextInput(attrs={"class": "input"}),
    )


def _last_day() -> forms.DateField:
    return forms.DateField(
        label=_("Last day that is on time"),
        help_text=_("It ends at midnight in the zone of the period."),
        widget=forms.DateInput(attrs={"class": "input", "type": "date"}),
    )


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
    zone = forms.ChoiceField(
        choices=zone_choices,
        label=_("Time zone"),
        help_text=_("Of both deadlines the later one counts."),
        widget=forms.Select(attrs={"class": "input"}),
    )
    reason = _reason()

    def __init__(self, *args: Any, opened: list[TenantPeriod], **kwargs: Any) -> None:
        super().__init__(*args, **{"auto_id": "zone-%s", **kwargs})
        _offer(self, opened)


class ZoneChangeForm(forms.Form):
    """The zone that a tenant's later periods open in."""

    zone = forms.ChoiceField(
        choices=zone_choices,
        label=_("Time zone"),
        widget=forms.Select(attrs={"class": "input"}),
    )
    reason = _reason()

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **{"auto_id": "own-zone-%s", **kwargs})


class ConsequenceForm(forms.Form):
    """A consequence; the one that the page has shown, and the days, a line each."""

    consequence = forms.ChoiceField(choices=Consequence.choices)
    seen = forms.ChoiceField(choices=[("", ""), *Consequence.choices], required=False)
    days = forms.CharField()
    reason = _reason()


def _offer(form: forms.Form, opened: list[TenantPeriod]) -> None:
    field = form.fields["period"]
    assert isinstance(field, forms.TypedChoiceField)  # noqa: S101 - for the type
    field.choices = [(one.period, _period_text(one.period)) for one in opened]
    field.widget.attrs["class"] = "input"


def _period_text(name: str) -> str:
    period = Period.parse(name)
    return gettext("%(name)s, %(first)s to %(last)s") % {
        "name": name,
        "first": short_day(period.starts_on),
        "last": short_day(period.ends_on),
    }
