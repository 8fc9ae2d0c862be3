"""What people type about their factors."""

from django import forms
from django.utils.translation import gettext_lazy as _

from portal.forms import ExactField, LineField

NAME_CHARACTERS = 60


class PasskeyForm(forms.Form):
    name = LineField(
        label=_("Name"),
        max_length=NAME_CHARACTERS,
        required=False,
        help_text=_("Where you keep it, such as “work laptop” or “security key”."),
    )
    credential = ExactField()


class PasskeyNameForm(forms.Form):
    factor = forms.IntegerField(min_value=1)
    name = LineField(label=_("Name"), max_length=NAME_CHARACTERS)


class FactorForm(forms.Form):
    factor = forms.IntegerField(min_value=1)
