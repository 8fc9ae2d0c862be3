"""Forms of the statement pages, and the parts of their addresses."""

import re
from datetime import date
from typing import Any

from django import forms
from django.core.exceptions import ValidationError
from django.http import QueryDict
from django.utils.translation import gettext_lazy as _

from billing.coverage.periods import Period
from billing.models import LicenceKind
from billing.statements.compute.lines import AGENT
from billing.statements.month_end_queries import MonthEndFilter
from billing.statements.queries import DRAFT, LATEST
from portal.errors import Refused
from portal.forms import ExactField, LineField, ReasonField

_NUMBER = re.compile(r"[1-9][0-9]{0,5}")

# Pages of a list of users: more than any tenant has.
_MOST_PAGES = 100_000

# As long as the format of usage files allows.
_KEY_CHARACTERS = 128

# The longest id of a line is that of an add-on: a prefix and a licence key.
_LINE_CHARACTERS = 8 + _KEY_CHARACTERS

# What a month-end run does.
COMPUTE, ISSUE = "compute", "issue"


def parse_period(name: str) -> Period:
    """Return the period that an address names.

    Raises:
        Refused: the name is not a period.

    """
    try:
        return Period.parse(name)
    except ValueError as error:
        raise Refused("period-invalid") from error


def parse_day(name: str) -> date:
    """Return the day that an address names.

    Raises:
        Refused: the name is not a day.

    """
    try:
        return date.fromisoformat(name)
    except ValueError as error:
        raise Refused("not-found") from error


def named_version(given: QueryDict) -> str:
    """Return the version that a query names: a number, `draft` or `latest`.

    Raises:
        Refused: the value is none of these.

    """
    wanted = given.get("version") or LATEST
    if wanted not in (LATEST, DRAFT) and _NUMBER.fullmatch(wanted) is None:
        raise Refused("not-found")
    return wanted


def named_line(given: QueryDict) -> str:
    """Return the parameter `line` of a query; Agents if it is absent."""
    return given.get("line") or AGENT


def named_kind(given: QueryDict) -> str:
    """Return the filter of the month end that a query names; empty for all tenants."""
    kind = given.get("kind", "")
    return kind if kind in set(MonthEndFilter) else ""


class UsersForm(forms.Form):
    """Requests a page of the counted users of a line on one day; pages count from 1."""

    line = ExactField(max_length=_LINE_CHARACTERS)
    page = forms.IntegerField(min_value=1, max_value=_MOST_PAGES, required=False)


class PeriodField(LineField):
    """A period, written like 2026-05."""

    def clean(self, value: str | None) -> Period:
        name = super().clean(value)
        try:
            return Period.parse(name)
        except ValueError as error:
            message = _("A period is written as year and month, such as 2026-05.")
            raise ValidationError(message) from error


class IssueForm(forms.Form):
    """Issues a statement; `figures_sha256` is the hash of the figures on the page."""

    figures_sha256 = ExactField(max_length=64, widget=forms.HiddenInput)
    reason = ReasonField(
        required=False,
        help_text=_(
            "Printed on the statement. Required for a later version, and to close an"
            " incomplete period."
        ),
    )
    with_incomplete = forms.BooleanField(required=False)

    def clean(self) -> dict[str, Any]:
        found: dict[str, Any] = super().clean() or self.cleaned_data
        if found.get("with_incomplete") and not found.get("reason", "x"):
            self.add_error("reason", _("Enter a reason for closing the period."))
        return found


class MonthEndForm(forms.Form):
    """Starts a month-end run over all tenants of a period."""

    period = PeriodField(max_length=7)
    what = forms.ChoiceField(
        choices=[
            (COMPUTE, _("Compute the figures, issue nothing")),
            (ISSUE, _("Issue all complete statements")),
        ]
    )
    with_incomplete = forms.BooleanField(required=False)
    reason = ReasonField(required=False)


class ClassifyForm(forms.Form):
    """Gives a licence key a kind from a period on."""

    licence_key = ExactField(
        max_length=_KEY_CHARACTERS,
        label=_("Licence key"),
        help_text=_("Without the ending _CONCURRENT: both forms count the same."),
    )
    kind = forms.ChoiceField(choices=[("", ""), *LicenceKind.choices], label=_("Kind"))
    valid_from = PeriodField(
        max_length=7,
        label=_("Valid from period"),
        help_text=_(
            "Year and month, such as 2026-05. Statements of this and later periods are"
            " recomputed."
        ),
    )
    reason = ReasonField()
