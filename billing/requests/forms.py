"""Forms of customers and staff for excuses and licences."""

from collections.abc import Iterable
from datetime import date, timedelta
from typing import Any

from django import forms
from django.core.exceptions import ValidationError
from django.utils.translation import gettext_lazy as _

from billing.coverage import licences
from billing.coverage.calendar import FileGap
from billing.coverage.periods import Period
from billing.models import ExcuseKindChoices
from billing.requests import licences as licence_requests
from billing.requests.excuses import ExcuseRequest
from billing.requests.text import KEY_TEXTS
from portal.forms import ReasonField
from portal.templatetags.shown import full_day

LICENCES = tuple((key, KEY_TEXTS[key]) for key in licences.KEYS)

# A day further away than this is a typing error.
_FURTHEST = timedelta(days=10 * 366)

# Numbers of a file are no larger in a header.
_LARGEST = 2**63 - 1


def _reason() -> ReasonField:
    return ReasonField(
        help_text=_("The billing team reads it; it is kept in the audit trail."),
    )


class DaysExcuseForm(forms.Form):
    """Missing days of one server that are to be excused."""

    days = forms.TypedMultipleChoiceField(
        coerce=date.fromisoformat, label=_("Which days")
    )
    kind = forms.ChoiceField(
        choices=[
            (
                ExcuseKindChoices.DOWN.value,
                _("The server was down: nothing was written. A file ends the excuse."),
            ),
            (
                ExcuseKindChoices.LOST.value,
                _("It was written, and the files are lost."),
            ),
        ],
        label=_("What happened"),
    )
    reason = _reason()

    def __init__(self, *args: Any, missing: Iterable[date], **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        field = self.fields["days"]
        assert isinstance(field, forms.TypedMultipleChoiceField)  # noqa: S101 - for the types
        field.choices = [(str(day), full_day(day)) for day in missing]

    def to_request(self, server_id: int, period: Period) -> ExcuseRequest:
        given = self.cleaned_data
        return ExcuseRequest(
            server_id=server_id,
            kind=ExcuseKindChoices(given["kind"]),
            period=period,
            reason=given["reason"],
            days=frozenset(given["days"]),
        )


class NumbersExcuseForm(forms.Form):
    """Files of one series, by number, that are lost."""

    series = forms.UUIDField(widget=forms.HiddenInput)
    first = forms.IntegerField(min_value=1, max_value=_LARGEST, label=_("From number"))
    last = forms.IntegerField(min_value=1, max_value=_LARGEST, label=_("To number"))
    reason = _reason()

    @classmethod
    def of(cls, gap: FileGap) -> "NumbersExcuseForm":
        given = {
            "series": gap.series,
            "first": gap.first_sequence,
            "last": gap.last_sequence,
        }
        return cls(initial=given, auto_id=f"{gap.series}-{gap.first_sequence}-%s")

    def to_request(self, server_id: int, period: Period) -> ExcuseRequest:
        given = self.cleaned_data
        return ExcuseRequest(
            server_id=server_id,
            kind=ExcuseKindChoices.LOST,
            period=period,
            reason=given["reason"],
            series=given["series"],
            numbers=(given["first"], given["last"]),
        )


class LicencesForm(forms.Form):
    """All keys that are held from a day on; those that are not ticked are not held."""

    keys = forms.MultipleChoiceField(
        choices=LICENCES,
        required=False,
        label=_("Licence keys"),
        help_text=_("With none of them no usage data is collected; nothing is owed."),
        widget=forms.CheckboxSelectMultiple,
    )
    from_on = forms.DateField(
        label=_("From this day on"),
        help_text=_(
            "As 2026-05-28; until the next change that is recorded. Missing days whose"
            " late-from time has passed count as late at once."
        ),
    )

    def __init__(self, *args: Any, today: date, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._today = today

    def clean_from_on(self) -> date:
        day: date = self.cleaned_data["from_on"]
        if abs(day - self._today) > _FURTHEST:
            raise ValidationError(_("This day is more than ten years away."))
        return day


class LicencesRequestForm(LicencesForm):
    """The same, as a customer requests it."""

    reason = ReasonField(
        required=False, help_text=_("Needed if fewer days would be owed.")
    )

    def to_request(self) -> licence_requests.RequestedLicences:
        given = self.cleaned_data
        return licence_requests.RequestedLicences(
            from_on=given["from_on"], keys=given["keys"], reason=given["reason"]
        )
