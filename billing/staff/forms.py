"""Forms of the staff pages."""

from django import forms
from django.core.exceptions import ValidationError
from django.utils.translation import gettext_lazy as _

from billing.coverage import licences
from billing.onboarding.enrol import NewCustomer
from billing.requests.forms import LICENCES
from portal.forms import LineField, MailAddressField, ReasonForm, zone_choices
from portal.models import Tenant


def _input(kind: str = "text", **attrs: str) -> forms.TextInput:
    widget = forms.TextInput(attrs={"class": "input", **attrs})
    widget.input_type = kind
    return widget


class OpenTenantForm(forms.Form):
    """A new customer; errors that only the database can find are added afterwards."""

    number = LineField(
        max_length=64,
        label=_("Customer number"),
        help_text=_("Usage files name it: letters, digits, dots, dashes."),
        widget=_input(autocomplete="off"),
    )
    name = LineField(
        max_length=200,
        label=_("Name of the company"),
        widget=_input(autocomplete="organization"),
    )
    zone = forms.ChoiceField(
        choices=zone_choices,
        label=_("Time zone"),
        help_text=_("Due and late-from times are midnights of this zone."),
        widget=forms.Select(attrs={"class": "input"}),
    )
    first_owed_on = forms.DateField(
        label=_("First owed day"),
        help_text=_("Usage files are owed from this day on."),
        widget=_input("date"),
    )
    licence_keys = forms.MultipleChoiceField(
        choices=LICENCES,
        required=False,
        # Most customers of a portal upload by hand; without a key nothing is owed.
        initial=[licences.MANUAL],
        label=_("Licence keys"),
        help_text=_("With none of them no usage data is collected; nothing is owed."),
        widget=forms.CheckboxSelectMultiple,
    )
    admin_name = LineField(
        max_length=200,
        label=_("Name of the tenant admin"),
        help_text=_("The first person of the company, who invites the others."),
        widget=_input(autocomplete="off"),
    )
    admin_email = MailAddressField(
        max_length=254,
        label=_("Mail address of the tenant admin"),
        help_text=_("They get an invitation by mail, and accept it with its link."),
        widget=_input("email", autocomplete="off"),
    )

    def clean_number(self) -> str:
        number: str = self.cleaned_data["number"]
        # The model's own rules, as errors of this field; also refuses a taken number.
        probe = Tenant(number=number)
        for rule in Tenant._meta.constraints:
            try:
                rule.validate(Tenant, probe, exclude={"name"})
            except ValidationError as error:
                raise ValidationError(error.messages) from error
        return number

    def new_customer(self) -> NewCustomer:
        return NewCustomer(**self.cleaned_data)


class DayForm(ReasonForm):
    day = forms.DateField()
