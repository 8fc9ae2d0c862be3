"""Presents API tokens: the state of each, what it is limited to, and what to do."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from django.utils.translation import gettext, ngettext

from portal.accounts import tokens
from portal.models import ApiToken
from portal.templatetags.shown import grouped


class TokenState(StrEnum):
    """States of a token, those to look at first."""

    EXPIRES_SOON = "expires-soon"
    ENDLESS = "endless"
    REPLACED = "replaced"
    ACTIVE = "active"
    EXPIRED = "expired"
    REVOKED = "revoked"


# States in which a token lets a script in.
USABLE = frozenset(
    {
        *(TokenState.EXPIRES_SOON, TokenState.ENDLESS),
        *(TokenState.REPLACED, TokenState.ACTIVE),
    }
)

_MARKS = {
    TokenState.EXPIRES_SOON: "partial",
    TokenState.ENDLESS: "partial",
    TokenState.REPLACED: "pending",
    TokenState.ACTIVE: "received",
    TokenState.EXPIRED: "missing",
    TokenState.REVOKED: "silent",
}


@dataclass(frozen=True, slots=True)
class TokenRow:
    """One token as a table shows it."""

    token: ApiToken
    state: TokenState
    mark: str
    text: str

    @property
    def is_usable(self) -> bool:
        return self.state in USABLE

    @property
    def may_be_replaced(self) -> bool:
        return self.is_usable and self.token.replaced_by_id is None


def state_of(token: ApiToken, *, at: datetime) -> TokenState:
    """Return the state of a token at an instant."""
    if token.revoked_at is not None:
        return TokenState.REVOKED
    if token.expires_at is None:
        return TokenState.ENDLESS
    if token.expires_at <= at:
        return TokenState.EXPIRED
    if token.replaced_by_id is not None:
        return TokenState.REPLACED
    is_soon = token.expires_at - at <= tokens.WARN_BEFORE
    return TokenState.EXPIRES_SOON if is_soon else TokenState.ACTIVE


def token_row(token: ApiToken, *, at: datetime) -> TokenRow:
    state = state_of(token, at=at)
    return TokenRow(token, state, _MARKS[state], _text(state))


def token_rows(found: Iterable[ApiToken], *, at: datetime) -> list[TokenRow]:
    """Return a row for each token, in the given order."""
    return [token_row(one, at=at) for one in found]


def expiring_text(count: int) -> str:
    """Return the sentence about tokens that expire soon; empty if there are none."""
    if not count:
        return ""
    text = ngettext(
        "%(count)s API token expires within %(days)s days. Replace it before then, or"
        " its servers stop sending.",
        "%(count)s API tokens expire within %(days)s days. Replace them before then, or"
        " their servers stop sending.",
        count,
    )
    return text % {"count": grouped(count), "days": tokens.WARN_BEFORE.days}


def expiring_phrase(count: int) -> str:
    """Return the same for a tile, as a phrase."""
    text = ngettext(
        "%(count)s API token expires soon", "%(count)s API tokens expire soon", count
    )
    return text % {"count": grouped(count)}


def _text(state: TokenState) -> str:
    texts = {
        TokenState.EXPIRES_SOON: gettext("Expires soon"),
        TokenState.ENDLESS: gettext("In use, no expiry: replace it"),
        TokenState.REPLACED: gettext("Replaced, still in use"),
        TokenState.ACTIVE: gettext("In use"),
        TokenState.EXPIRED: gettext("Expired"),
        TokenState.REVOKED: gettext("Revoked"),
    }
    return texts[state]
