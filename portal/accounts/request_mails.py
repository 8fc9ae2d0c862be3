"""Queues mails about accounts as rows; `portal.accounts.send_mails` sends them.

Call these functions outside of units of work, where the mails belong to no tenant;
`queue` belongs into the unit of work that changes what the mail is about.
"""

from collections.abc import Mapping
from datetime import datetime

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


def report_changed_password(address: str, *, ip: str) -> None:
    """Queue the mail that a password was changed now, from an IP address."""
    kind = AccountMailKind.PASSWORD_CHANGED
    _queue(AccountMail(kind=kind, recipient=address, ip=ip[:45]))


def queue(  # noqa: PLR0913 - what a mail is
    kind: AccountMailKind,
    *,
    to: str,
    by: str,
    at: datetime,
    tenant_id: int | None = None,
    about: int | None = None,
    details: Mapping[str, str] | None = None,
) -> None:
    """Queue a mail of a registered kind in the running unit of work.

    It is sent only if that is committed. `about` is the id of the row that its link is
    for, `details` what its text names.
    """
    _queue(
        AccountMail(
            kind=kind,
            recipient=to,
            invited_by=by[:200],
            planned_at=at,
            due_at=at,
            tenant_id=tenant_id,
            about=about,
            details=dict(details or {}),
        )
    )


def report_factor_change(address: str, *, kind: str, ip: str, by: str = "") -> None:
    """Queue the mail that a second factor was added, removed, used up or reset.

    Inside a transaction: the mail is stored with the change, or not at all.
    """
    kind = AccountMailKind(kind)
    _queue(AccountMail(kind=kind, recipient=address, ip=ip[:45], invited_by=by[:200]))


def _queue(mail: AccountMail) -> None:
    mail.save(force_insert=True)
    wakeup.wake_up(TASK)
