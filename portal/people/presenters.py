"""People and invitations as pages show them."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from django.utils.translation import gettext

from portal.models import Membership
from portal.people import end_access, queries
from portal.people.queries import ListedInvitation
from portal.people.text import granted_text, invitation_state, role_text


def invitation_rows(
    found: Sequence[ListedInvitation], *, at: datetime
) -> list[dict[str, Any]]:
    """Return a row for each invitation."""
    rows = []
    for one in found:
        mark, state = invitation_state(one.invitation, one.mail, at=at)
        rows.append(
            {
                "invitation": one.invitation,
                "role": granted_text(one.invitation),
                "mark": mark,
                "state": state,
            }
        )
    return rows


def invitations_shown(tenant_id: int | None, *, at: datetime) -> list[dict[str, Any]]:
    """Load the open invitations in the running unit of work, as a page shows them."""
    return invitation_rows(queries.open_invitations(tenant_id), at=at)


def factors_text(kinds: Sequence[str]) -> str:
    """Return the second factors of a person as words, such as "passkey"."""
    names = {"totp": gettext("authenticator app"), "webauthn": gettext("passkey")}
    return ", ".join(names[kind] for kind in kinds) or gettext("none")


def consequences_of_removal(member: Membership) -> dict[str, object]:
    """Return what ends with a membership, in the running unit of work."""
    return {
        "tokens": end_access.tokens_of(member.user, member.tenant_id),
        "role": role_text(member.role),
    }
