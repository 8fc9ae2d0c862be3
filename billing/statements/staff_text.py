"""Texts of statements for the staff: states in lists, and what prevents issuing."""

from collections.abc import Mapping
from dataclasses import dataclass

from django.utils.text import capfirst
from django.utils.translation import gettext, gettext_noop

from billing.models import MonthEndOutcome, StatementState
from billing.statements import text

# What prevents issuing and what to do, for the staff.
_OUTCOMES: Mapping[MonthEndOutcome, str] = {
    MonthEndOutcome.COMPUTED: gettext_noop("This statement can be issued."),
    MonthEndOutcome.NOTHING: gettext_noop(
        "No usage files are owed, and none was received: no statement is needed."
    ),
    MonthEndOutcome.RUNNING: gettext_noop(
        "The period is not over yet. Issue the statement once all its days are over."
    ),
    MonthEndOutcome.INCOMPLETE: gettext_noop(
        "The period is not complete. Wait for the missing files, or close the period"
        " and give a reason."
    ),
    MonthEndOutcome.UNCLASSIFIED: gettext_noop(
        "Some licence keys are not classified. Classify them in the catalogue first."
    ),
    MonthEndOutcome.UNREADABLE: gettext_noop(
        "Some files do not open. Ask the tenant to upload them again, or restore them."
    ),
    MonthEndOutcome.UNCHANGED: gettext_noop(
        "The last version already has these figures."
    ),
    MonthEndOutcome.CHANGED: gettext_noop("A later version needs a reason."),
}

# What prevents issuing figures that are stale: issuing computes them first.
_UPDATING = gettext_noop(
    "The figures are being updated. They can be issued once that is done, if nothing"
    " prevents it then."
)

# Outcomes by which the month end counts a statement as blocked.
_BLOCKING = (MonthEndOutcome.UNCLASSIFIED, MonthEndOutcome.UNREADABLE)


@dataclass(frozen=True, slots=True)
class ListedState:
    """A statement in a list: mark (see the tag `mark`), state, and what is behind it.

    `more` is empty if the state says everything.
    """

    mark: str
    state: str
    more: str = ""


def listed_state(
    state: str,
    version: int,
    outcome: MonthEndOutcome,
    *,
    is_incomplete: bool,
    is_updating: bool,
) -> ListedState:
    """Return the state of a stored statement in the words of the month end.

    `version` is the last issued one, `outcome` what prevents issuing for somebody who
    gives a reason. A statement that is being updated is never ready to issue.
    """
    label = str(outcome.label)
    if state == StatementState.ISSUED:
        more = gettext("issued incomplete") if is_incomplete else ""
        return ListedState(*text.state_text(state, version), more)
    if outcome in _BLOCKING:
        return ListedState("missing", gettext("Blocked"), label)
    if state == StatementState.DRAFT:
        more = gettext("version %(version)s is issued") % {"version": version}
        return ListedState("partial", gettext("Changed since issue"), more)
    if outcome is MonthEndOutcome.COMPUTED and not is_updating:
        return ListedState("with-us", gettext("Ready to issue"))
    if outcome is MonthEndOutcome.INCOMPLETE:
        return ListedState("partial", capfirst(label))
    more = "" if outcome is MonthEndOutcome.COMPUTED else label
    return ListedState(*text.state_text(state, None), more)


def outcome_text(outcome: MonthEndOutcome) -> str:
    """Return what prevents issuing a statement, and what to do."""
    return gettext(_OUTCOMES[outcome])


def updating_text() -> str:
    """Return why a statement whose figures are stale cannot be issued yet."""
    return gettext(_UPDATING)
