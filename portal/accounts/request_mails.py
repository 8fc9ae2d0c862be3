"""Queues mails about accounts as rows; `portal.accounts.send_mails` sends them.

Call these functions outside of units of work, where the mails belong to no tenant;
`queue` belongs into the unit of work that changes what the mail is about.
"""

from collections.abc import Mapping
from datetime import datetime, timedelta

from portal.db import counters
from portal.db.counters import Counter
from portal.jobs import wakeup
from portal.models import AccountMail, AccountMailKind

# The task that sends these mails.
TASK = "portal.send_mail"

# Of one person. Some browsers forget their cookies each time they are closed.
_NEW_BROWSER_MAILS, _NEW_BROWSER_WINDOW = 5, timedelta(days=1)


def request_new_password(address: str, *, ip: str = "", agent: str = "") -> None:
    """Queue a link for a new password to an address, whether it has an account or not.

    The account is looked up when the mail is sent: with and without an account the
    request runs the same statements, so its time reveals nothing. The request is
    recorded then, too, with the IP address and the browser that it came from.
    """
    kind = AccountMailKind.NEW_PASSWORD
    _queue(
        AccountMail(kind=kind, recipient=address.lower(), ip=ip[:45], agent=agent[:300])
    )


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


def report_factor_change(
    address: str, *, kind: str, ip: str, by: str = "", tenant_id: int | None = None
) -> None:
    """Queue the mail that a second factor was added, removed, used up or reset.

    Inside a transaction: the mail is stored with the change, or not at all. In a unit
    of work of a tenant, `tenant_id` is that tenant's.
    """
    _queue(
        AccountMail(
            kind=AccountMailKind(kind),
            recipient=address,
            ip=ip[:45],
            invited_by=by[:200],
            tenant_id=tenant_id,
        )
    )


def report_new_browser(address: str, *, ip: str, agent: str, at: datetime) -> None:
    """Queue the mail that somebody has signed in with a new browser.

    Beyond a number of mails a day there is only the security event.
    """
    name = f"mails about new browsers to {address}"
    counter = Counter(name, _NEW_BROWSER_MAILS, _NEW_BROWSER_WINDOW)
    if counters.take(counter, at=at) is None:
        kind = AccountMailKind.NEW_BROWSER
        _queue(AccountMail(kind=kind, recipient=address, ip=ip[:45], agent=agent[:300]))


def _queue(mail: AccountMail) -> None:
    mail.save(force_insert=True)
    wakeup.wake_up(TASK)
