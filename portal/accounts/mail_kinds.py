"""The mails about accounts that other packages compose, by kind.

`portal.accounts.send_mails` composes the mails about passwords itself. Each other kind
is registered once, from `AppConfig.ready`; its functions run in a unit of work of the
staff. A link of such a mail is made when the mail is sent, and only its digest stored.
"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

from portal.models import AccountMail

Shown = dict[str, object]


@dataclass(frozen=True, slots=True)
class MailKind:
    """How the mails of one kind are composed.

    `unneeded_reason` returns the code of why a mail need not be sent at an instant,
    empty if it has to be. `shown` returns the context of its templates; it may store
    the digest of a new link.
    """

    unneeded_reason: Callable[[AccountMail, datetime], str]
    shown: Callable[[AccountMail, datetime], Shown]


_kinds: dict[str, MailKind] = {}


def register(kind: str, parts: MailKind) -> None:
    """Register a kind; called once from `AppConfig.ready`."""
    _kinds[kind] = parts


def find(kind: str) -> MailKind | None:
    """Return how a kind is composed; None for the mails about passwords."""
    return _kinds.get(kind)
