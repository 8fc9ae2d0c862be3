"""Makes, replaces and revokes API tokens for the pages of members and of staff.

Each function begins and ends a unit of work of the tenant.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta

from portal.accounts import tokens
from portal.db import unit_of_work
from portal.models import ApiToken
from usage.automation import queries as automation_queries
from usage.automation.forms import TokenForm


@dataclass(frozen=True, slots=True)
class MadeToken:
    """A new token and its secret, which is shown once; `old` is what it replaces."""

    token: ApiToken
    secret: str
    old: ApiToken | None = None


def empty_form(tenant_id: int) -> TokenForm:
    return TokenForm(servers=_servers(tenant_id))


def filled_form(tenant_id: int, data: object) -> TokenForm:
    return TokenForm(data, servers=_servers(tenant_id))


def make(
    tenant_id: int, form: TokenForm, *, user_id: int | None, by: str, at: datetime
) -> MadeToken:
    """Make the token of a valid form.

    Raises:
        Refused: the same form has made one before.

    """
    with unit_of_work.acting_for(tenant_id, holding=True):
        token, secret = tokens.issue(
            tenant_id,
            name=form.cleaned_data["name"],
            scope=form.cleaned_data["scope"],
            by=by,
            at=at,
            terms=form.terms(user_id=user_id),
        )
    return MadeToken(token, secret)


def replace(
    tenant_id: int,
    token_id: int,
    *,
    overlap: timedelta,
    user_id: int | None,
    by: str,
    at: datetime,
) -> MadeToken:
    """Replace a token.

    Raises:
        Refused: as `tokens.replace`.

    """
    with unit_of_work.acting_for(tenant_id, holding=True):
        token, secret = tokens.replace(
            tenant_id, token_id, overlap=overlap, user_id=user_id, by=by, at=at
        )
        old = ApiToken.objects.get(replaced_by=token)
    return MadeToken(token, secret, old)


def revoke(
    tenant_id: int, token_id: int, *, by: str, at: datetime
) -> tuple[ApiToken, bool]:
    """Revoke a token; False if it was revoked before.

    Raises:
        Refused: the tenant has no such token.

    """
    with unit_of_work.acting_for(tenant_id, holding=True):
        return tokens.revoke(tenant_id, token_id, by=by, at=at)


def _servers(tenant_id: int) -> list[str]:
    with unit_of_work.acting_for(tenant_id, reading=True):
        return automation_queries.server_names()
