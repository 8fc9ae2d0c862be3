"""Defines the types of bulk actions: preview the effect on each tenant, then run.

An action previews what it would change for each tenant, and which tenants it skips
(`billing.desk.bulk_actions` has the actions); other modules make the changes.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django import forms
from django.utils.functional import Promise

from billing.coverage.periods import Period
from billing.desk.desk_row import DeskRow

Text = str | Promise

# Most tenants of one action: as many as a person can look through.
AT_MOST = 500


@dataclass(frozen=True, slots=True)
class ActionEffect:
    """The effect of an action on one tenant; `is_done` False: the tenant is skipped."""

    row: DeskRow
    what: Text
    is_done: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class BulkRequest:
    """The parameters of an action: period, form fields, actor and instant."""

    period: Period
    given: Mapping[str, Any]
    by: str
    at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class BulkAction:
    """An action on the selected tenants.

    `button` is the text of its button, `title` that of its page; `form` has the fields
    that it needs, if any. `preview` returns the effect on each tenant. `do` takes the
    tenants that are not skipped, opens units of work of its own, one a tenant, and
    returns a sentence; Refused passes.
    """

    button: Text
    title: Text
    form: type[forms.Form]
    preview: Callable[[Sequence[DeskRow], BulkRequest], list[ActionEffect]]
    do: Callable[[Sequence[DeskRow], BulkRequest], str]
