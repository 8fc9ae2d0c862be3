"""Queues mails about accounts as rows; `portal.accounts.send_mails` sends them.

Call these functions outside of units of work: the mails belong to no tenant.
"""

from portal.jobs import wakeup
from portal.models import AccountMail, AccountMailKind

# The task that sends these mails.
TASK = "portal.send_mail"


def request_new_password(address: str) -> None:
    """Queue a link for a new password to an address, whether it has an account or not.

    The account is looked up when the mail is sent: with and without an account the
    request runs the same statements, so its time reveals nothing.
    """
    _queue(AccountMail(kind=AccountMailKind.NEW_PASSWORD, recipient=address.lower()))


def request_first_password(address: str, *, by: str) -> None:
    """Queue the link for the first password of a person, whom `by` has added."""
    kind = AccountMailKind.FIRST_PASSWORD
    _queue(AccountMail(kind=kind, recipient=address, invited_by=by[:200]))


def report_changed_password(address: str, *, ip: str) -> None:
    """Queue the mail that a password was changed now, from an IP address."""
    kind = AccountMailKind.PASSWORD_CHANGED
    _queue(AccountMail(kind=kind, recipient=address, ip=ip[:45]))


def _queue(mail: AccountMail) -> None:
    mail.save(force_insert=True)
    wakeup.wake_up(TASK)
