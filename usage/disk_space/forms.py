"""Form of an estimate, for servers that have not written anything yet."""

from django import forms
from django.http import QueryDict
from django.utils.translation import gettext_lazy as _

from usage.disk_space.estimate import Estimate, estimate_of

# More than one PureConnect server can have.
_MOST_USERS, _MOST_LOGINS = 100_000, 500
_FEWEST_LOGINS = 0.1


class EstimateForm(forms.Form):
    """Users who log in on a day, and how often each does."""

    users = forms.IntegerField(
        label=_("Users who log in on a day"), min_value=1, max_value=_MOST_USERS
    )
    logins = forms.FloatField(
        label=_("Logins of each user on a day"),
        min_value=_FEWEST_LOGINS,
        max_value=_MOST_LOGINS,
    )

    def estimate(self) -> Estimate | None:
        """Return the estimate; None if a value is missing or invalid."""
        if not self.is_valid():
            return None
        return estimate_of(self.cleaned_data["users"], self.cleaned_data["logins"])


def estimate_form(given: QueryDict) -> EstimateForm:
    """Return the form of an address; without errors if it is not filled in."""
    is_filled = any(name in given for name in EstimateForm.base_fields)
    return EstimateForm(given if is_filled else None)
