"""What can be done for several tenants at once: first shown for each, then done.

An act says for each tenant what it would change, and which tenants it leaves alone
(`billing.desk.bulk_actions` has them); other modules change.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django import forms
from django.utils.functional import Promise

from billing.coverage.periods import Period
from billing.desk.queries import DeskRow

Text = str | Promise

# Tenants that one act is shown and done for: what somebody can look through.
AT_MOST = 500


@dataclass(frozen=True, slots=True)
class ActionEffect:
    """What an act does for one tenant; `is_done` False: it leaves the tenant alone."""

    row: DeskRow
    what: Text
    is_done: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class BulkRequest:
    """Who wants an act when, for which period, and what its own fields say."""

    period: Period
    given: Mapping[str, Any]
    by: str
    at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class BulkAction:
    """An act for the tenants of a selection.

    `button` names it on a button, `title` on its page; `form` has the fields that it
    needs, if any. `preview` says what it would do for each tenant. `do` is given those
    of them that it does something for, opens units of work of its own, one a tenant,
    and returns a sentence; Refused passes.
    """

    button: Text
    title: Text
    form: type[forms.Form]
    preview: Callable[[Sequence[DeskRow], BulkRequest], list[ActionEffect]]
    do: Callable[[Sequence[DeskRow], BulkRequest], str]
