"""Texts for the steps, states and problems of mails; used by the views."""

from collections.abc import Mapping

from django.utils.translation import gettext, gettext_noop

from billing.coverage.reminder_dates import ENDED, LAST, LATE, REFUSED, SOON, TARGET
from billing.mail.recipients import MailChoice
from billing.models import NOW, KeyMail, ReceiptMail
from billing.reminders.send_now import NotReminded

_STEPS: Mapping[str, str] = {
    ENDED: gettext_noop("The period has ended"),
    SOON: gettext_noop("Three days before the due day"),
    TARGET: gettext_noop("On the due day"),
    LAST: gettext_noop("On the last day"),
    LATE: gettext_noop("Late"),
    REFUSED: gettext_noop("After a refusal"),
}

# Mark and label of each state.
_STATES: Mapping[str, tuple[str, str]] = {
    "waiting": ("pending", gettext_noop("Waiting")),
    "sending": ("with-us", gettext_noop("Being sent")),
    "sent": ("received", gettext_noop("Sent")),
    "failed": ("missing", gettext_noop("Failed")),
    "unsure": ("partial", gettext_noop("Unsure")),
    "unneeded": ("silent", gettext_noop("Not needed any more")),
}

_PROBLEMS: Mapping[str, str] = {
    "mail-away": gettext_noop("The mail server is away; it is tried again."),
    "mail-cut": gettext_noop(
        "The connection broke while the mail was handed over: it may have arrived."
    ),
    "mail-refused": gettext_noop("The mail server refused the mail."),
    "mail-refused-for-now": gettext_noop(
        "The mail server refused the mail for now; it is tried again."
    ),
    "address-refused": gettext_noop("The mail server does not take this address."),
    "address-refused-for-now": gettext_noop(
        "The mail server does not take this address for now; it is tried again."
    ),
    "sender-refused": gettext_noop(
        "The mail server refuses our own address; it is tried again."
    ),
    "sending-failed": gettext_noop("The mail could not be written; the log says why."),
    "mailed-today": gettext_noop("The recipient has had one today."),
    "safety-stop": gettext_noop("Late mails of this period are held."),
    "said-to-be-here": gettext_noop("Staff say that it has arrived."),
    "restored": gettext_noop("It may have been sent before this copy was restored."),
    "not-wanted": gettext_noop("The recipient does not get these mails any more."),
    "complete": gettext_noop("Everything has come."),
    "nothing-owed": gettext_noop("Nothing is owed."),
    "nothing-to-send": gettext_noop("Nothing is missing that the customer could send."),
    "with-us": gettext_noop("The rest is waiting for the billing team."),
    "decided": gettext_noop("The lateness was answered."),
    "waived": gettext_noop("The lateness was waived."),
    "settled": gettext_noop("What was late has come, or was waived or decided upon."),
    "not-missing": gettext_noop("What was refused is not missing any more."),
    "deadline-passed": gettext_noop(
        "The late-from time passed before it could be sent."
    ),
    "overtaken": gettext_noop("A later one has taken its place."),
    "incomplete": gettext_noop("The period was incomplete again."),
    "known-before": gettext_noop("The period was complete before these mails began."),
    "key-confirmed": gettext_noop("The key was confirmed."),
    "key-refused": gettext_noop("The key was refused."),
    "in-another-mail": gettext_noop("The mail about another key has this key too."),
    "token-ended": gettext_noop("The token was revoked, or had expired."),
    "token-replaced": gettext_noop("The token was replaced."),
    "nothing-held": gettext_noop("No file waits for the key any more."),
    "expired": gettext_noop("The link was requested more than three days ago."),
    "signed-in": gettext_noop("The person has signed in already."),
    "password-chosen": gettext_noop("A new password was chosen since."),
    "later-version": gettext_noop("A later version of the statement was issued."),
}

# What a choice of a member has changed: if the mails are wanted, and if not.
_CHOICES: Mapping[MailChoice, tuple[str, str]] = {
    MailChoice.REMINDERS: (
        gettext_noop("%(name)s gets the reminders."),
        gettext_noop("%(name)s gets no reminders any more."),
    ),
    MailChoice.STATEMENTS: (
        gettext_noop("%(name)s gets mails about statements."),
        gettext_noop("%(name)s gets no mails about statements any more."),
    ),
}

_NOT_REMINDED: Mapping[str, str] = {
    NotReminded.NOT_OPEN: gettext_noop("The period is not open."),
    NotReminded.NOTHING_MISSING: gettext_noop("Nothing is missing."),
    NotReminded.UPDATING: gettext_noop(
        "The data of this tenant is being updated. Try again in a minute."
    ),
    NotReminded.NOT_COMPUTED: gettext_noop(
        "The numbers of this tenant cannot be computed. Ask the operator."
    ),
    NotReminded.NOBODY: gettext_noop("Nobody there gets reminders."),
    NotReminded.STOPPED: gettext_noop("Late mails of this period are held."),
    NotReminded.WAIVED: gettext_noop("Nothing: the lateness was waived."),
    NotReminded.DECIDED: gettext_noop(
        "Nothing: what the lateness leads to is decided."
    ),
    NotReminded.TODAY: gettext_noop("Everybody there has had a mail today."),
}


def step_text(step: str) -> str:
    """Return the name of a reminder step."""
    if step in _STEPS:
        return gettext(_STEPS[step])
    number = step.rpartition("-")[2]
    if step.startswith(NOW):
        return gettext("Reminder by staff, number %(number)s") % {"number": number}
    return gettext("Late, week %(number)s") % {"number": number}


def version_text(version: int) -> str:
    """Return the name of the mail about a version of a statement."""
    return gettext("Statement issued, version %(version)s") % {"version": version}


def key_text(mail: KeyMail) -> str:
    """Return the name of the mail about a server key."""
    return gettext("Key of %(server)s to confirm") % {"server": mail.server}


def token_text() -> str:
    """Return the name of the mail about a token that expires."""
    return gettext("An API token expires soon")


def complete_text() -> str:
    """Return the name of the mail about a complete period."""
    return gettext("The period is complete")


def receipt_text(mail: ReceiptMail) -> str:
    """Return the name of a receipt, with its part if it has several."""
    if mail.parts == 1:
        return gettext("Receipt of an upload")
    text = gettext("Receipt of an upload, part %(part)d of %(parts)d")
    return text % {"part": mail.part, "parts": mail.parts}


def choice_text(choice: MailChoice, *, wanted: bool) -> str:
    """Return what a member's choice has changed, with a place for the name."""
    is_wanted, is_unwanted = _CHOICES[choice]
    return gettext(is_wanted if wanted else is_unwanted)


def state_text(state: str) -> tuple[str, str]:
    """Return the mark and the label of a state."""
    mark, word = _STATES[state]
    return mark, gettext(word)


def problem_text(code: str) -> str:
    """Return why a mail waits, or ended without being sent; empty for no reason."""
    return gettext(_PROBLEMS[code]) if code in _PROBLEMS else code


def not_reminded_text(code: str) -> str:
    """Return why nobody of a tenant is reminded now; empty if somebody is."""
    return gettext(_NOT_REMINDED[code]) if code else ""
